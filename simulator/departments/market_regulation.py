"""Market regulation bureau (市场监管): CSV in a zip; firms with their credit codes, complainants often left out."""

from __future__ import annotations

import polars as pl

from simulator.garbage import Garbage, Spoiler, as_rows, raw_lines, spoilt
from simulator.rendering import Rendered, as_columns, coded, in_contract_order, local, nth, other_references, own_codes, placed, slot, yuan
from simulator.systems.writers import csv_text, zipped

CATEGORY = own_codes(
    "category",
    "8101 8102 8103 8104 8105 8106 8107 8108 8201 8202 8203 8204 8205 1001 2001 3001 8301 3002 1002 8401 8402 1003 2002 8501 4001 9999",
)
CHANNEL = own_codes(
    "channel",
    "窗口 微信小程序 i深圳 光明通 12315热线 二维码 安全员 信件 12315平台 12315APP 法院移送 110移送 部门移送 检查发现 其他",
)
STATUS = own_codes("status", "待处理 已受理 调查中 已调解 已确认 已回复 不予立案 已撤诉")
GRADE = own_codes("grade", "Ⅰ级 Ⅱ级 Ⅲ级")
_STAMP = "%Y%m%d%H%M%S"
#: Of so many complaints one does not say who complained: what counts for the bureau is the firm.
LEFT_OUT_OF = 3


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One line a complaint: the firm with its code, the complainant where he gave his name."""
    complainants, complaining, firms, persons = (nth(held, 0) for held in in_contract_order(parties))
    complainants = complainants.filter(pl.col("row") % LEFT_OUT_OF != 0)
    frame = slot(records, firms, 0, _FIRM)
    frame = slot(frame, complainants, 0, _COMPLAINANT)
    frame = slot(frame, complaining, 0, {"tousu_danwei": pl.col("name"), "tousu_danwei_daima": pl.col("uscc")})
    frame = slot(frame, persons, 0, {"jingyingzhe": pl.col("name")})
    return Rendered(as_columns(frame, _FIELDS), placed([complainants, complaining, firms, persons]))


def files(rows: pl.DataFrame, garbage: list[Garbage]) -> dict[str, bytes]:
    """One zip with the data and a note that is not data."""
    held = pl.concat([rows, as_rows(garbage, rows.schema)]).drop("key", "cursor")
    content = csv_text(held, line_end="\r\n").encode("utf-8") + b"".join(item.raw for item in garbage)
    return {"outbox/tousu_jubao.zip": zipped({"tousu_jubao.csv": content, "README.txt": "市场监管投诉举报数据，每日全量。".encode()})}


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Three lines that rules refuse, and one with more fields than the header."""
    spoilers = [
        Spoiler("unparsable date", {"dengji_shijian": "20260230126161"}),
        Spoiler("unknown code", {"wenti_leibie": "0000"}),
        Spoiler("no key", {}, has_key=False),
    ]
    structured = spoilt(rows, "tousu_bianhao", spoilers)
    broken = ("SCJG-BROKEN," + "多," * (len(_FIELDS) + 3) + "多\r\n").encode()
    return structured + raw_lines(rows, {"too many fields": broken}, len(structured))


_FIRM = {
    "shichang_zhuti": pl.col("name"),
    "tongyi_daima": pl.col("uscc"),
    "zhuti_dianhua": pl.col("phone"),
    "zhuti_dizhi": pl.col("address"),
}
_COMPLAINANT = {"tousuren": pl.col("name"), "tousuren_dianhua": pl.col("phone"), "tousuren_zhengjian": pl.col("id_no")}
_FIELDS = {
    "tousu_bianhao": pl.col("source_record_id"),
    "biaoti": pl.col("title"),
    "wenti_leibie": coded("category", CATEGORY),
    "zhuangtai": coded("status", STATUS),
    "dengji": coded("grade", GRADE),
    "laiyuan": coded("channel", CHANNEL),
    "shichang_zhuti": pl.col("shichang_zhuti"),
    "tongyi_daima": pl.col("tongyi_daima"),
    "zhuti_dianhua": pl.col("zhuti_dianhua"),
    "zhuti_dizhi": pl.col("zhuti_dizhi"),
    "tousuren": pl.col("tousuren"),
    "tousuren_dianhua": pl.col("tousuren_dianhua"),
    "tousuren_zhengjian": pl.col("tousuren_zhengjian"),
    "tousu_danwei": pl.col("tousu_danwei"),
    "tousu_danwei_daima": pl.col("tousu_danwei_daima"),
    "jingyingzhe": pl.col("jingyingzhe"),
    "shifa_shijian": local("occurred_at", _STAMP),
    "dengji_shijian": local("reported_at", _STAMP),
    "shouli_shijian": local("accepted_at", _STAMP),
    "banjie_shijian": local("resolved_at", _STAMP),
    "huifu_shijian": local("fed_back_at", _STAMP),
    "sheji_jine": yuan("amount"),
    "sheji_renshu": pl.col("people_involved"),
    "jiedao": pl.col("street_name"),
    "shequ": pl.col("community_name"),
    "dizhi": pl.col("address"),
    "neirong": pl.col("text"),
    "guanlian_wenhao": other_references(),
    "chengban_suo": pl.concat_str("street_name", pl.lit("市场监管所")),
    "daochu_shijian": local("updated_at", _STAMP),
}
