"""Education bureau (教育): a workbook with two header lines and merged cells, dates as Excel serials, schools by their short names."""

from __future__ import annotations

from itertools import groupby

import polars as pl

from simulator.garbage import Garbage, Spoiler, as_rows, spoilt
from simulator.rendering import (
    Rendered,
    as_columns,
    coded,
    excel_serial,
    in_contract_order,
    named,
    nth,
    other_references,
    own_codes,
    placed,
    rest,
    slot,
)
from simulator.systems.writers import Sheet, column_letter, xlsx

CATEGORY = own_codes(
    "category",
    "教职工工资 教职工工伤 校舍质量 校园物业 校舍租赁 校舍征拆 校园用地 校园违建 校园噪音 校园污染 校园卫生 校园设施 上下学交通 "
    "培训退费 校园食品 招生诈骗 校园欺凌 借贷 服务合同 监护 家校邻里 学位招生 学生伤害 教育资助 校园安全 其他事项",
)
CHANNEL = own_codes("channel", "来访 微信 i深圳 光明通 电话 扫码 安全员 来信 网络 客户端 法院 110 转办 巡查 其他")
STATUS = own_codes("status", "① ② ③ ④ ⑤ ⑥ ⑦ ⑧")
GRADE = own_codes("grade", "红牌 黄牌 绿牌")
#: How the bureau shortens the names of schools.
SHORTENED = {
    "深圳市光明区": "",
    "深圳市": "",
    "光明区": "",
    "职业技术学校": "职校",
    "外国语学校": "外国语",
    "实验学校": "实验",
    "高级中学": "高中",
}


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One line a complaint: a parent or pupil, the school, a teacher or other person complained of."""
    persons, _, complained_of, opponents = in_contract_order(parties)
    parents, schools, teachers = nth(persons, 0), nth(complained_of, 0), nth(opponents, 0)
    others = rest(persons, parents)
    frame = slot(records, parents, 0, _PARENT)
    frame = named(frame, others, "诉求人_其他人", "/")
    frame = slot(frame, schools, 0, {"学校_名称": short_name(), "学校_联系电话": pl.col("phone")})
    frame = slot(frame, teachers, 0, {"被反映人_姓名": pl.col("name")})
    return Rendered(as_columns(frame, _FIELDS), placed([parents, others, schools, teachers]))


def files(rows: pl.DataFrame, garbage: list[Garbage]) -> dict[str, bytes]:
    """One workbook; the first header line groups the columns, the second names them."""
    held = pl.concat([rows, as_rows(garbage, rows.schema)]).drop("key", "cursor")
    groups = [name.partition("_")[0] for name in held.columns]
    names = [name.partition("_")[2] for name in held.columns]
    merges, shown, start = [], [], 0
    for group, members in groupby(groups):
        width = len(list(members))
        merges.append(f"{column_letter(start)}1:{column_letter(start + width - 1)}1")
        shown += [group, *[""] * (width - 1)]
        start += width
    merges = [span for span in merges if len(set(span.split(":"))) == 2]
    return {"教育信访台账.xlsx": xlsx(Sheet("台账", (shown, names), merges, held))}


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Three lines: a serial that is no day, no number, a state that is not in the list."""
    return spoilt(
        rows,
        "基本信息_编号",
        [
            Spoiler("unparsable date", {"时间_来件": -45.5}),
            Spoiler("no key", {}, has_key=False),
            Spoiler("unknown code", {"办理_状态": "⑳"}),
        ],
    )


def short_name() -> pl.Expr:
    """A school's name as the bureau writes it in every other line."""
    short = pl.col("name").str.replace_many(list(SHORTENED), list(SHORTENED.values()))
    return pl.when(pl.col("row") % 2 == 0).then(short).otherwise(pl.col("name"))


_PARENT = {"诉求人_姓名": pl.col("name"), "诉求人_证件号码": pl.col("id_no"), "诉求人_联系电话": pl.col("phone")}
_FIELDS = {
    "基本信息_编号": pl.col("source_record_id"),
    "基本信息_标题": pl.col("title"),
    "基本信息_类别": coded("category", CATEGORY),
    "基本信息_来源": coded("channel", CHANNEL),
    "诉求人_姓名": pl.col("诉求人_姓名"),
    "诉求人_证件号码": pl.col("诉求人_证件号码"),
    "诉求人_联系电话": pl.col("诉求人_联系电话"),
    "诉求人_其他人": pl.col("诉求人_其他人"),
    "学校_名称": pl.col("学校_名称"),
    "学校_联系电话": pl.col("学校_联系电话"),
    "被反映人_姓名": pl.col("被反映人_姓名"),
    "时间_发生": excel_serial("occurred_at"),
    "时间_来件": excel_serial("reported_at"),
    "时间_受理": excel_serial("accepted_at"),
    "时间_办结": excel_serial("resolved_at"),
    "时间_答复": excel_serial("fed_back_at"),
    "办理_状态": coded("status", STATUS),
    "办理_等级": coded("grade", GRADE),
    "办理_经办人": pl.lit("JY") + (pl.col("row") % 23).cast(pl.String),
    "地点_街道": pl.col("street_name"),
    "地点_社区": pl.col("community_name"),
    "地点_详细地址": pl.col("address"),
    "内容_情况": pl.col("text"),
    "内容_关联文号": other_references(),
    "内容_人数": pl.col("people_involved").cast(pl.Int64),
    "内容_金额": pl.col("amount").cast(pl.Float64),
}
