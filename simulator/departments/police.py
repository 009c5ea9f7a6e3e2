"""Police (公安): incident calls and their handling in two tables; lower-case x, 15-digit numbers of old cards, free-text places."""

from __future__ import annotations

import polars as pl

from simulator.garbage import NUL, Garbage, Spoiler, spoilt
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
    rest,
    slot,
    yuan,
)
from simulator.systems.sql import Layout, Table

CATEGORY = own_codes(
    "category",
    "050101 050102 050201 050202 050203 050204 050205 050206 040301 040302 040303 030401 030402 050301 050302 010601 020101 050303 "
    "050304 020201 020202 050401 050402 050403 060101 990000",
)
STATUS = own_codes("status", "0 1 2 3 4 5 8 9")
GRADE = own_codes("grade", "1 2 3")
CHANNEL = own_codes("channel", "03 05 06 07 02 08 09 10 11 12 13 01 04 14 99")
GENDER = {"male": "1", "female": "2"}
CALLS = Table(
    "jjdb",
    {
        "jjdbh": "varchar(40)",
        "bjsj": "varchar(19)",
        "bjfsdm": "varchar(2)",
        "bjrxm": "varchar(60)",
        "bjrzjhm": "varchar(20)",
        "bjrlxdh": "varchar(40)",
        "bjrxbdm": "varchar(1)",
        "bjrzz": "varchar(200)",
        "tbrxm": "varchar(200)",
        "bjdwmc": "varchar(120)",
        "sfsj": "varchar(19)",
        "sfdd": "varchar(200)",
        "sfddxzb": "varchar(20)",
        "sfddyzb": "varchar(20)",
        "gxdwmc": "varchar(60)",
        "jqlbdm": "varchar(6)",
        "jqbt": "varchar(200)",
        "bjnr": "text",
        "jjyxm": "varchar(60)",
    },
    key="jjdbh",
)
HANDLINGS = Table(
    "cjdb",
    {
        "cjdbh": "varchar(44)",
        "jjdbh": "varchar(40)",
        "cjsj": "varchar(19)",
        "jsajsj": "varchar(19)",
        "cljgdm": "varchar(1)",
        "jqdjdm": "varchar(1)",
        "sarxm": "varchar(60)",
        "sarzjhm": "varchar(20)",
        "sarlxdh": "varchar(40)",
        "sadwmc": "varchar(120)",
        "sadwxydm": "varchar(18)",
        "sadwdh": "varchar(40)",
        "saje": "decimal(18, 2)",
        "sars": "integer",
        "glah": "varchar(100)",
        "gxsj": "varchar(19)",
    },
    key="jjdbh",
    indexes=("gxsj",),
)
LAYOUT = Layout((CALLS, HANDLINGS))
_TIME = "%Y-%m-%d %H:%M:%S"


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One call and one handling an incident: who called (others by name), one person and one firm involved."""
    parties = parties.with_columns(pl.col("id_no").str.replace("X", "x", literal=True))
    persons, firms, complained_of, opponents = in_contract_order(parties)
    callers, calling, involved, suspects = nth(persons, 0), nth(firms, 0), nth(complained_of, 0), nth(opponents, 0)
    others = rest(persons, callers)
    frame = slot(records, callers, 0, _CALLER)
    frame = named(frame, others, "tbrxm", ";")
    frame = slot(frame, calling, 0, {"bjdwmc": pl.col("name")})
    frame = slot(frame, suspects, 0, {"sarxm": pl.col("name"), "sarzjhm": pl.col("id_no"), "sarlxdh": pl.col("phone")})
    frame = slot(frame, involved, 0, {"sadwmc": pl.col("name"), "sadwxydm": pl.col("uscc"), "sadwdh": pl.col("phone")})
    groups = [callers, others, calling, involved, suspects]
    own = [name for table in LAYOUT.tables for name in table.columns]
    return Rendered(as_columns(frame, {name: _FIELDS.get(name, pl.col(name)) for name in own}), placed(groups))


def tables(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows of each table."""
    return {table.name: rows.select(table.columns.keys()) for table in LAYOUT.tables}


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Three rows: a call time that is none, a category that is not in the list, a text with U+0000."""
    return spoilt(
        rows,
        "jjdbh",
        [
            Spoiler("unparsable date", {"bjsj": "2026-13-01 99:00:00"}),
            Spoiler("unknown code", {"jqlbdm": "0X0X0X"}),
            Spoiler("text with U+0000", {"bjnr": NUL}, outcome="raw"),
        ],
    )


_CALLER = {
    "bjrxm": pl.col("name"),
    "bjrzjhm": pl.col("id_no"),
    "bjrlxdh": pl.col("phone"),
    "bjrxbdm": coded("gender", GENDER),
    "bjrzz": pl.col("address"),
}
_FIELDS = {
    "jjdbh": pl.col("source_record_id"),
    "bjsj": local("reported_at", _TIME),
    "bjfsdm": coded("channel", CHANNEL),
    "sfsj": local("occurred_at", _TIME),
    "sfdd": pl.col("address"),
    "sfddxzb": pl.col("longitude").round(6).cast(pl.String),
    "sfddyzb": pl.col("latitude").round(6).cast(pl.String),
    "gxdwmc": pl.col("street_name").str.replace("街道", "派出所"),
    "jqlbdm": coded("category", CATEGORY),
    "jqbt": pl.col("title"),
    "bjnr": pl.col("text"),
    "jjyxm": pl.lit("接警员") + (pl.col("row") % 40).cast(pl.String),
    "cjdbh": pl.lit("C") + pl.col("source_record_id"),
    "cjsj": local("accepted_at", _TIME),
    "jsajsj": local("resolved_at", _TIME),
    "cljgdm": coded("status", STATUS),
    "jqdjdm": coded("grade", GRADE),
    "saje": yuan("amount"),
    "sars": pl.col("people_involved"),
    "glah": other_references(),
    "gxsj": local("updated_at", _TIME),
}
