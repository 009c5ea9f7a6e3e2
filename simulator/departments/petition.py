"""Petition office (信访): nested JSON for a REST interface, with the channel by which the resident came."""

from __future__ import annotations

import polars as pl

from simulator.garbage import NUL, Garbage, Spoiler, spoilt
from simulator.rendering import (
    ISO,
    Rendered,
    as_bodies,
    coded,
    in_contract_order,
    local,
    nested,
    own_codes,
    placed,
    reference_list,
    side,
    yuan,
)

CATEGORY = own_codes(
    "category",
    "0401 0402 0301 0302 0303 0304 0305 0306 0501 0502 0307 0308 0601 0701 0702 0801 0802 0703 0704 0901 0902 1001 1101 0903 0803 9900",
)
STATUS = own_codes("status", "10 20 30 40 45 50 80 90")
GRADE = own_codes("grade", "一类 二类 三类")
CHANNEL = own_codes("channel", "dt xcx isz gmt rx ewm aqy lx wz app ss bj zb xc qt")
GENDER = {"male": "男", "female": "女"}
CATEGORY_NAME = {
    "wages": "劳动报酬",
    "work_injury": "工伤待遇",
    "housing_quality": "房屋质量",
    "property_management": "物业服务",
    "leasing": "房屋租赁",
    "demolition": "征地拆迁",
    "land_use": "规划用地",
    "illegal_building": "违法建设",
    "noise": "噪声污染",
    "pollution": "环境污染",
    "city_appearance": "市容环卫",
    "road_facilities": "道路设施",
    "traffic": "交通管理",
    "consumer": "消费维权",
    "food_safety": "食药安全",
    "fraud": "涉众诈骗",
    "public_order": "社会治安",
    "loan": "民间借贷",
    "contract": "合同纠纷",
    "family": "婚姻家庭",
    "neighbours": "邻里矛盾",
    "education": "学位招生",
    "medical": "医患矛盾",
    "welfare": "社会救助",
    "safety_hazard": "安全生产",
    "other": "其他",
}


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One JSON object a petition: petitioners and respondents are lists."""
    petitioners, respondents = side(parties, "petitioner"), side(parties, "respondent")
    frame = nested(records, petitioners, "petitioners", _PARTY)
    frame = nested(frame, respondents, "respondents", _PARTY)
    return Rendered(as_bodies(frame, _FIELDS), placed(in_contract_order(parties)))


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Four rows: no number, a day that does not exist, a category the list does not have, a text with U+0000."""
    return spoilt(
        rows,
        "caseNo",
        [
            Spoiler("no key", {}, has_key=False),
            Spoiler("unparsable date", {"times.registered": "2026-02-30T25:61:00+08:00"}),
            Spoiler("unknown code", {"category": {"code": "7777", "name": "待定"}}),
            Spoiler("text with U+0000", {"content": NUL}, outcome="raw"),
        ],
    )


_PARTY = {
    "type": pl.when(pl.col("kind") == "organisation").then(pl.lit("单位")).otherwise(pl.lit("个人")),
    "name": pl.col("name"),
    "idNo": pl.col("id_no"),
    "creditCode": pl.col("uscc"),
    "phone": pl.col("phone"),
    "gender": coded("gender", GENDER),
    "birthday": pl.col("birth_date").dt.strftime("%Y-%m-%d"),
    "address": pl.col("address"),
}
_FIELDS = {
    "caseNo": pl.col("source_record_id"),
    "title": pl.col("title"),
    "content": pl.col("text"),
    "channel": coded("channel", CHANNEL),
    "category": pl.struct(code=coded("category", CATEGORY), name=coded("category", CATEGORY_NAME)),
    "status": coded("status", STATUS),
    "level": coded("grade", GRADE),
    "peopleCount": pl.col("people_involved"),
    "amount": yuan("amount"),
    "times": pl.struct(
        happened=local("occurred_at", ISO),
        registered=local("reported_at", ISO),
        accepted=local("accepted_at", ISO),
        settled=local("resolved_at", ISO),
        confirmed=local("confirmed_at", ISO),
        feedback=local("fed_back_at", ISO),
        deadline=local("due_at", ISO),
    ),
    "place": pl.struct("street", "community", "address", "longitude", "latitude"),
    "petitioners": pl.col("petitioners"),
    "respondents": pl.col("respondents"),
    "anonymous": pl.col("is_anonymous"),
    "related": reference_list(),
    "handler": pl.struct(unit=pl.concat_str("street_name", pl.lit("办事处")), clerk=pl.lit("GM") + (pl.col("row") % 97).cast(pl.String)),
    "reply": pl.when(pl.col("resolved_at").is_not_null()).then(pl.lit("经调处，诉求已办结并告知诉求人。")),
    "updatedAt": local("updated_at", ISO),
    "deleted": pl.col("is_deleted"),
}
