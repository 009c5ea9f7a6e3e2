"""Mass organisations (群团): union, women's federation and youth league in one file, GB18030, columns parted by bars."""

from __future__ import annotations

import polars as pl

from simulator.garbage import Garbage, Spoiler, as_rows, raw_lines, spoilt
from simulator.rendering import (
    Rendered,
    as_columns,
    coded,
    in_contract_order,
    local,
    named,
    nth,
    other_references,
    own_codes,
    placed,
    reference_to,
    rest,
    slot,
    yuan,
)
from simulator.systems.writers import csv_text

CATEGORY = own_codes(
    "category",
    "职工工资 职工工伤 住房质量 物业服务 房屋租住 征收补偿 用地规划 违章搭建 噪声 污染 环境卫生 公共设施 出行 消费 食品药品 受骗 "
    "人身侵害 借贷 合同 婚姻家庭 邻里 子女教育 就医 困难帮扶 安全生产 其它",
)
CHANNEL = own_codes("channel", "窗口 微信 i深圳 光明通 热线 扫码 安全员 信函 网上 APP 法院 报警 转来 走访 其他")
STATUS = own_codes("status", "来访登记 接案 跟进 结案 服务对象确认 回访 转介 撤案")
GRADE = own_codes("grade", "高 中 低")
GENDER = {"male": "男性", "female": "女性"}
#: Who of the three takes a case; the women's federation takes what belongs to the family.
UNION, WOMEN, YOUTH = "总工会", "妇联", "团区委"
_TIME = "%Y-%-m-%-d %-H:%M:%S"


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One line a visit: the visitor, others by name, the firm and the person complained of."""
    visitors, visiting_firms, complained_of, opponents = in_contract_order(parties)
    first, visiting, firms, persons = (nth(held, 0) for held in (visitors, visiting_firms, complained_of, opponents))
    others = rest(visitors, first)
    frame = slot(records, first, 0, _VISITOR)
    frame = named(frame, others, "同行人", "，")
    frame = slot(frame, visiting, 0, {"来访单位": pl.col("name")})
    frame = slot(frame, firms, 0, {"涉及单位": pl.col("name"), "单位代码": pl.col("uscc"), "单位电话": pl.col("phone")})
    frame = slot(frame, persons, 0, {"对方姓名": pl.col("name"), "对方电话": pl.col("phone")})
    return Rendered(as_columns(frame, _FIELDS), placed([first, others, visiting, firms, persons]))


def files(rows: pl.DataFrame, garbage: list[Garbage]) -> dict[str, bytes]:
    """One file; its name says the month it was set up for, not the day it was written."""
    held = pl.concat([rows, as_rows(garbage, rows.schema)]).drop("key", "cursor")
    content = csv_text(held, separator="|").encode("gb18030", errors="replace")
    return {"share/群团来访台账_2026.txt": content + b"".join(item.raw for item in garbage)}


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Two lines that rules refuse, and one whose bytes are no GB18030."""
    spoilers = [Spoiler("unparsable date", {"来访时间": "2026-6-31 8:00:00"}), Spoiler("no key", {}, has_key=False)]
    structured = spoilt(rows, "编号", spoilers)
    broken = {"undecodable bytes": b"\xff\xff|QT-BROKEN|\xff" + b"|" * (len(_FIELDS) - 3) + b"\n"}
    return structured + raw_lines(rows, broken, len(structured))


_VISITOR = {
    "来访人": pl.col("name"),
    "性别": coded("gender", GENDER),
    "身份证": pl.col("id_no"),
    "手机": pl.col("phone"),
    "现住址": pl.col("address"),
}
_FAMILY = pl.col("category").is_in(["family", "welfare"])
_FIELDS = {
    "组织": pl.when(_FAMILY).then(pl.lit(WOMEN)).when(pl.col("category") == "education").then(pl.lit(YOUTH)).otherwise(pl.lit(UNION)),
    "编号": pl.col("source_record_id"),
    "主题": pl.col("title"),
    "事由": coded("category", CATEGORY),
    "紧急程度": coded("grade", GRADE),
    "进展": coded("status", STATUS),
    "来源": coded("channel", CHANNEL),
    "来访人": pl.col("来访人"),
    "性别": pl.col("性别"),
    "身份证": pl.col("身份证"),
    "手机": pl.col("手机"),
    "现住址": pl.col("现住址"),
    "同行人": pl.col("同行人"),
    "来访单位": pl.col("来访单位"),
    "涉及单位": pl.col("涉及单位"),
    "单位代码": pl.col("单位代码"),
    "单位电话": pl.col("单位电话"),
    "对方姓名": pl.col("对方姓名"),
    "对方电话": pl.col("对方电话"),
    "事发时间": local("occurred_at", _TIME),
    "来访时间": local("reported_at", _TIME),
    "接案时间": local("accepted_at", _TIME),
    "结案时间": local("resolved_at", _TIME),
    "回访时间": local("fed_back_at", _TIME),
    "人数": pl.concat_str(pl.col("people_involved").cast(pl.String), pl.lit("人")),
    "金额": pl.concat_str(yuan("amount"), pl.lit("元")),
    "地点": pl.col("address"),
    "所在社区": pl.concat_str("street_name", "community_name", ignore_nulls=True),
    "诉求内容": pl.col("text"),
    "劳动案号": reference_to("labour"),
    "关联文号": other_references("labour"),
    "接待人": pl.lit("接待员") + (pl.col("row") % 12).cast(pl.String),
    "更新时间": local("updated_at", "%Y-%m-%d %H:%M:%S"),
}
