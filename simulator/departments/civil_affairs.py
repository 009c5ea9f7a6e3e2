"""Civil affairs bureau (民政): fixed-width text in GBK, digits as wide as characters, the household head where others have a petitioner."""

from __future__ import annotations

import polars as pl

from simulator.garbage import Garbage, Spoiler, as_rows, raw_lines, spoilt
from simulator.rendering import (
    Rendered,
    as_columns,
    coded,
    full_width,
    in_contract_order,
    local,
    nth,
    other_references,
    own_codes,
    placed,
    slot,
    yuan,
)
from simulator.systems.writers import fixed_width_lines

CATEGORY = own_codes("category", "71 72 61 62 63 64 65 66 51 52 53 54 55 31 32 33 41 34 35 11 12 13 21 01 42 99")
CHANNEL = own_codes("channel", "A B C D E F G H I J K L M N Z")
STATUS = own_codes("status", "A B C D E F X Y")
GRADE = own_codes("grade", "R Y G")
GENDER = {"male": "1", "female": "2"}
#: Columns and their widths in bytes of GBK.
WIDTHS = (
    ("AJBH", 32),
    ("SXMC", 60),
    ("SXLB", 2),
    ("BLZT", 1),
    ("JBDM", 1),
    ("LYQD", 1),
    ("HZXM", 24),
    ("HZXB", 1),
    ("HZSFZH", 36),
    ("HZDH", 40),
    ("HZZZ", 90),
    ("SSDW", 70),
    ("SSDWDM", 18),
    ("DFXM", 24),
    ("FSRQ", 8),
    ("DJRQ", 14),
    ("SLRQ", 14),
    ("BJRQ", 14),
    ("JTRS", 6),
    ("SQJE", 14),
    ("JDMC", 16),
    ("SQMC", 20),
    ("DZ", 100),
    ("SQNR", 400),
    ("GLWH", 60),
    ("CZY", 6),
)
TRAILER = "ZZZEND"
_STAMP = "%Y%m%d%H%M%S"


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One line an application: the head of the household, an institution, another person."""
    households, _, complained_of, opponents = in_contract_order(parties)
    heads, institutions, persons = nth(households, 0), nth(complained_of, 0), nth(opponents, 0)
    frame = slot(records, heads, 0, _HEAD)
    frame = slot(frame, institutions, 0, {"SSDW": pl.col("name"), "SSDWDM": pl.col("uscc")})
    frame = slot(frame, persons, 0, {"DFXM": pl.col("name")})
    fields = {name: _FIELDS.get(name, pl.col(name)) for name, _ in WIDTHS}
    return Rendered(as_columns(frame, fields), placed([heads, institutions, persons]))


def files(rows: pl.DataFrame, garbage: list[Garbage]) -> dict[str, bytes]:
    """One file; its last line says how many lines there are."""
    held = pl.concat([rows, as_rows(garbage, rows.schema)])
    lines = fixed_width_lines(held, WIDTHS)
    raw = [item.raw for item in garbage if item.raw]
    count = len(lines) + len(raw)
    content = "".join(f"{line}\r\n" for line in lines).encode("gbk", errors="replace") + b"".join(raw)
    return {"MZ_SXSB.DAT": content + f"{TRAILER}{count:010d}\r\n".encode("ascii")}


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Three lines: a day without sense, no number, bytes that are no GBK."""
    spoilers = [Spoiler("unparsable date", {"DJRQ": "20260231250000"}), Spoiler("no key", {}, has_key=False)]
    structured = spoilt(rows, "AJBH", spoilers)
    broken = b"MZ-BROKEN".ljust(32) + b"\xff" * 20 + b" " * (sum(width for _, width in WIDTHS) - 52) + b"\r\n"
    return structured + raw_lines(rows, {"undecodable bytes": broken}, len(structured))


_HEAD = {
    "HZXM": pl.col("name"),
    "HZXB": coded("gender", GENDER),
    "HZSFZH": full_width(pl.col("id_no")),
    "HZDH": full_width(pl.col("phone")),
    "HZZZ": pl.col("address"),
}
_FIELDS = {
    "AJBH": pl.col("source_record_id"),
    "SXMC": pl.col("title"),
    "SXLB": coded("category", CATEGORY),
    "BLZT": coded("status", STATUS),
    "JBDM": coded("grade", GRADE),
    "LYQD": coded("channel", CHANNEL),
    "FSRQ": local("occurred_at", "%Y%m%d"),
    "DJRQ": local("reported_at", _STAMP),
    "SLRQ": local("accepted_at", _STAMP),
    "BJRQ": local("resolved_at", _STAMP),
    "JTRS": pl.col("people_involved").cast(pl.String),
    "SQJE": yuan("amount"),
    "JDMC": pl.col("street_name"),
    "SQMC": pl.col("community_name"),
    "DZ": pl.col("address"),
    "SQNR": pl.col("text"),
    "GLWH": other_references(),
    "CZY": pl.lit("MZ") + (pl.col("row") % 17).cast(pl.String).str.zfill(4),
}
