"""Political and legal commission (政法): the ledger of disputes as CSV over SFTP, whole each day; with 发令 orders and 报到 report-ins."""

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
    "劳资纠纷 工伤纠纷 房屋质量纠纷 物业纠纷 租赁纠纷 征地拆迁纠纷 土地纠纷 违建问题 噪音扰民 环境污染 市容环境 公共设施 交通问题 "
    "消费纠纷 食药安全 电信诈骗 治安纠纷 债务纠纷 合同纠纷 婚姻家庭纠纷 邻里纠纷 教育纠纷 医患纠纷 民生救助 安全隐患 其他矛盾",
)
STATUS = own_codes("status", "登记 受理 化解中 已化解 已确认 已回访 不受理 撤销")
GRADE = own_codes("grade", "一类红色 二类黄色 三类绿色")
CHANNEL = own_codes(
    "channel",
    "服务大厅 微信小程序 i深圳 光明通 热线电话 扫码上报 安全员上报 来信 网站 手机应用 诉讼引流 110联动 部门转办 网格巡查 其他渠道",
)
_TIME = "%Y/%-m/%-d %-H:%M"


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One line a dispute: the first petitioner in full, the others by name, a firm that petitions, a firm and a person complained of."""
    petitioners, petitioning_firms, complained_of, opponents = in_contract_order(parties)
    first, petitioning, firms, persons = (nth(held, 0) for held in (petitioners, petitioning_firms, complained_of, opponents))
    others = rest(petitioners, first)
    frame = slot(records, first, 0, _FIRST)
    frame = named(frame, others, "其他诉求人", "、")
    frame = slot(frame, petitioning, 0, {"诉求单位": pl.col("name"), "诉求单位信用代码": pl.col("uscc")})
    frame = slot(frame, firms, 0, {"被诉单位": pl.col("name"), "被诉单位信用代码": pl.col("uscc"), "被诉单位电话": pl.col("phone")})
    frame = slot(frame, persons, 0, {"被诉个人": pl.col("name"), "被诉个人证件号": pl.col("id_no"), "被诉个人电话": pl.col("phone")})
    return Rendered(as_columns(frame, _FIELDS), placed([first, others, petitioning, firms, persons]))


def files(rows: pl.DataFrame, garbage: list[Garbage]) -> dict[str, bytes]:
    """One CSV file with a byte-order mark; its first column is the line's number, which shifts when a line goes."""
    own = rows.drop("key", "cursor")
    held = pl.concat([own, as_rows(garbage, rows.schema).drop("key", "cursor")]).with_row_index("序号", offset=1)
    content = b"\xef\xbb\xbf" + csv_text(held, line_end="\r\n").encode("utf-8")
    return {"export/矛盾纠纷台账.csv": content + b"".join(item.raw for item in garbage)}


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Three lines: a day without sense, an unknown kind of dispute, no number; and one of bytes that are no UTF-8."""
    spoilers = [
        Spoiler("unparsable date", {"排查时间": "2026/2/30 25:00"}),
        Spoiler("unknown code", {"纠纷类别": "待分类"}),
        Spoiler("no key", {}, has_key=False),
    ]
    structured = spoilt(rows, "台账编号", spoilers)
    broken = b"9999,GM-BROKEN,\xb1\xe0\xc2\xeb\xb4\xed\xce\xf3" + b"," * (len(_FIELDS) - 2) + b"\r\n"
    return structured + raw_lines(rows, {"undecodable bytes": broken}, len(structured))


_FIRST = {"诉求人": pl.col("name"), "诉求人证件号": pl.col("id_no"), "诉求人电话": pl.col("phone"), "诉求人住址": pl.col("address")}
_FIELDS = {
    "台账编号": pl.col("source_record_id"),
    "纠纷名称": pl.col("title"),
    "纠纷类别": coded("category", CATEGORY),
    "等级": coded("grade", GRADE),
    "状态": coded("status", STATUS),
    "来源渠道": coded("channel", CHANNEL),
    "简要情况": pl.col("text"),
    "发生时间": local("occurred_at", _TIME),
    "排查时间": local("reported_at", _TIME),
    "发现时间": local("found_at", _TIME),
    "受理时间": local("accepted_at", _TIME),
    "发令时间": local("ordered_at", _TIME),
    "报到时间": local("reported_in_at", _TIME),
    "办结时限": local("due_at", _TIME),
    "化解时间": local("resolved_at", _TIME),
    "确认时间": local("confirmed_at", _TIME),
    "回访时间": local("fed_back_at", _TIME),
    "涉及人数": pl.col("people_involved"),
    "涉及金额": yuan("amount"),
    "街道": pl.col("street_name"),
    "社区": pl.col("community_name"),
    "发生地点": pl.col("address"),
    "诉求人": pl.col("诉求人"),
    "诉求人证件号": pl.col("诉求人证件号"),
    "诉求人电话": pl.col("诉求人电话"),
    "诉求人住址": pl.col("诉求人住址"),
    "其他诉求人": pl.col("其他诉求人"),
    "诉求单位": pl.col("诉求单位"),
    "诉求单位信用代码": pl.col("诉求单位信用代码"),
    "被诉单位": pl.col("被诉单位"),
    "被诉单位信用代码": pl.col("被诉单位信用代码"),
    "被诉单位电话": pl.col("被诉单位电话"),
    "被诉个人": pl.col("被诉个人"),
    "被诉个人证件号": pl.col("被诉个人证件号"),
    "被诉个人电话": pl.col("被诉个人电话"),
    "牵头单位": pl.concat_str("street_name", pl.lit("综治办")),
    "报到单位": pl.when(pl.col("reported_in_at").is_not_null()).then(pl.lit("住建局、人力资源局")),
    "信访件编号": reference_to("petition"),
    "警情编号": reference_to("police"),
    "关联文号": other_references("petition", "police"),
}
