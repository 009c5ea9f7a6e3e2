"""Procuratorate (检察院): XML documents in a directory, element names in Chinese; cases of minors are to be sealed."""

from __future__ import annotations

import polars as pl

from simulator.garbage import Garbage, Spoiler, as_rows, raw_lines, spoilt
from simulator.rendering import Rendered, coded, epoch, in_contract_order, local, other_references, own_codes, placed, reference_to, yuan
from simulator.systems.rows import ROWS
from simulator.systems.writers import xml_object

CATEGORY = own_codes(
    "category",
    "支持起诉-劳动报酬 支持起诉-工伤 公益诉讼-工程质量 民事监督-物业 民事监督-租赁 行政监督-征收 公益诉讼-国土 行政监督-违建 "
    "公益诉讼-噪声 公益诉讼-环境 公益诉讼-市容 公益诉讼-公共设施 危险驾驶 公益诉讼-消费 公益诉讼-食药 诈骗案 寻衅滋事案 "
    "民事监督-借贷 合同诈骗案 支持起诉-家事 民事监督-相邻 未检-教育 民事监督-医疗 司法救助 重大责任事故案 其他检察案件",
)
CHANNEL = own_codes("channel", "来访 微信 i深圳 光明通 12309热线 扫码 安全员 信访 网上 客户端 法院移送 公安移送 部门移送 巡查 其他")
STATUS = own_codes("status", "已收案 已受理 审查中 已审结 已生效 已答复 不予受理 已撤回")
GRADE = own_codes("grade", "红 黄 绿")
#: How a party stands and what it is, in the contract's order.
STANDING = (("控告申诉方", "自然人"), ("控告申诉方", "单位"), ("被控告方", "单位"), ("被控告方", "自然人"))
DOCUMENT_ROWS = 500
_DAY = "%Y年%-m月%-d日"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<案件信息 报送单位="光明区人民检察院">\n'


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One element a case; a party is an element of its own, and there may be several."""
    groups = in_contract_order(parties)
    stated = [
        group.with_columns(standing=pl.lit(standing), nature=pl.lit(nature))
        for group, (standing, nature) in zip(groups, STANDING, strict=True)
    ]
    held = pl.concat(stated).sort("row", "ordinal", maintain_order=True)
    element = xml_object("当事人", _PARTY_TAGS)
    listed = held.select("row", element.alias("listed")).group_by("row", maintain_order=True).agg(pl.col("listed").str.join(""))
    frame = records.with_columns(**_FIELDS).join(listed, on="row", how="left", maintain_order="left")
    body = xml_object("案件", {tag: tag for tag in _FIELDS}, pl.col("listed").fill_null(""))
    rows = frame.select(pl.col("source_record_id").alias("key"), epoch("updated_at").alias("cursor"), body.alias("body"))
    return Rendered(rows, placed(groups))


def files(rows: pl.DataFrame, garbage: list[Garbage]) -> dict[str, bytes]:
    """Documents of some hundred cases each, and those that are broken each in a document of its own."""
    held = pl.concat([rows.select(ROWS.names()), as_rows(garbage, ROWS)])
    step = min(DOCUMENT_ROWS, max(held.height // 3, 1))  # a directory has several documents, however small the world
    documents = {
        f"ajxx/案件信息_{number:04d}.xml": (_HEAD + "\n".join(part["body"]) + "\n</案件信息>\n").encode("utf-8")
        for number, part in enumerate(held.iter_slices(step), start=1)
    }
    broken = {f"ajxx/补报_{number:02d}.xml": item.raw for number, item in enumerate((item for item in garbage if item.raw), start=1)}
    return documents | broken


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Three: a day without sense, no number, a document that breaks off."""
    spoilers = [Spoiler("unparsable date", {"受理日期": "2026年13月45日"}), Spoiler("no key", {}, has_key=False)]
    structured = spoilt(rows, "案件编号", spoilers)
    broken = {"broken document": _HEAD.encode("utf-8") + "<案件><案件编号>残缺".encode()}
    return structured + raw_lines(rows, broken, len(structured))


_PARTY_TAGS = {
    "地位": "standing",
    "性质": "nature",
    "姓名或名称": "name",
    "证件号码": "id_no",
    "统一社会信用代码": "uscc",
    "联系方式": "phone",
    "住址": "address",
}
_FIELDS = {
    "案件编号": pl.col("source_record_id"),
    "案件名称": pl.col("title"),
    "案由": coded("category", CATEGORY),
    "办案状态": coded("status", STATUS),
    "风险等级": coded("grade", GRADE),
    "案件来源": coded("channel", CHANNEL),
    "基本案情": pl.col("text"),
    "案发日期": local("occurred_at", _DAY),
    "受理日期": local("reported_at", _DAY),
    "立案日期": local("accepted_at", _DAY),
    "审结日期": local("resolved_at", _DAY),
    "答复日期": local("fed_back_at", _DAY),
    "涉案金额": yuan("amount"),
    "涉案人数": pl.col("people_involved").cast(pl.String),
    "案发地": pl.col("address"),
    "所属街道": pl.col("street_name"),
    "涉未成年人": pl.when("is_juvenile").then(pl.lit("是")).otherwise(pl.lit("否")),
    "公安案号": reference_to("police"),
    "信访件号": reference_to("petition"),
    "关联文号": other_references("police", "petition"),
    "承办检察官": pl.lit("检察官") + (pl.col("row") % 19).cast(pl.String),
    "报送时间": local("updated_at", "%Y-%m-%d %H:%M:%S"),
}
