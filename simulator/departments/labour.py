"""Human resources bureau (劳动): a database view with a time of update; the workers of a collective case are a list."""

from __future__ import annotations

import polars as pl

from simulator.garbage import Garbage, Spoiler, spoilt
from simulator.rendering import (
    Rendered,
    as_columns,
    coded,
    in_contract_order,
    local,
    nested,
    nth,
    other_references,
    own_codes,
    placed,
    reference_to,
    slot,
    yuan,
)
from simulator.systems.sql import Layout, Table

CATEGORY = own_codes(
    "category",
    "L01 L02 L21 L22 L23 L24 L25 L26 L27 L28 L29 L30 L31 L32 L33 L34 L35 L03 L04 L36 L37 L38 L39 L05 L06 L99",
)
CHANNEL = own_codes("channel", "01 02 03 04 05 06 07 08 09 10 11 12 13 14 99")
STATUS = own_codes("status", "登记 受理 调查 结案 履行 归档 不予受理 撤诉")
GRADE = own_codes("grade", "重大 较大 一般")
GENDER = {"male": "1", "female": "2"}

CASES = Table(
    "ldjc_aj",
    {
        "ajbh": "varchar(40)",
        "ajmc": "varchar(200)",
        "lbdm": "varchar(10)",
        "ajzt": "varchar(20)",
        "zdcd": "varchar(10)",
        "lyqd": "varchar(2)",
        "fssj": "varchar(19)",
        "tsrq": "varchar(19)",
        "slrq": "varchar(19)",
        "jarq": "varchar(19)",
        "lxrq": "varchar(19)",
        "gdrq": "varchar(19)",
        "fdqx": "varchar(19)",
        "sjje": "decimal(18, 2)",
        "sjrs": "integer",
        "nr": "text",
        "gzdd": "varchar(200)",
        "jddm": "varchar(12)",
        "sqdm": "varchar(12)",
        "dwmc": "varchar(120)",
        "tyshxydm": "varchar(18)",
        "dwdh": "varchar(40)",
        "dwdz": "varchar(200)",
        "fddbr": "varchar(60)",
        "zbdwmc": "varchar(120)",
        "workers": "json",
        "xfbh": "varchar(40)",
        "jjdbh": "varchar(40)",
        "qtwh": "varchar(100)",
        "czrbh": "varchar(20)",
        "gxsj": "varchar(19)",
    },
    key="ajbh",
    indexes=("gxsj",),
)
#: `dqsj` is the moment of reading: it differs each time and says nothing.
VIEW = "create view v_case as select ldjc_aj.*, current_timestamp as dqsj from ldjc_aj"
LAYOUT = Layout((CASES,), (VIEW,), ("v_case",))
_TIME = "%Y-%m-%d %H:%M:%S"


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One row a case: its workers as JSON, the employer, the main contractor, and a person sued as employer."""
    workers, _, firms, opponents = in_contract_order(parties)
    employers, contractors, bosses = nth(firms, 0), nth(firms, 1), nth(opponents, 0)
    frame = nested(records, workers, "workers", _WORKER)
    frame = slot(frame, employers, 0, _EMPLOYER)
    frame = slot(frame, contractors, 0, {"zbdwmc": pl.col("name")})
    frame = slot(frame, bosses, 0, {"fddbr": pl.col("name")})
    fields = {name: _FIELDS.get(name, pl.col(name)) for name in CASES.columns}
    return Rendered(as_columns(frame, fields), placed([workers, employers, contractors, bosses]))


def tables(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows of each table."""
    return {CASES.name: rows.select(CASES.columns.keys())}


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Four rows: no number, a day that does not exist, an unknown category, a firm's code in the wrong shape."""
    return spoilt(
        rows,
        "ajbh",
        [
            Spoiler("no key", {}, has_key=False),
            Spoiler("unparsable date", {"tsrq": "2026-02-31 10:00:00"}),
            Spoiler("unknown code", {"lbdm": "X77"}),
            Spoiler("malformed credit code", {"tyshxydm": "无证-2026"}),
        ],
    )


_WORKER = {
    "xm": pl.col("name"),
    "sfzh": pl.col("id_no"),
    "sjh": pl.col("phone"),
    "xb": coded("gender", GENDER),
    "csrq": pl.col("birth_date").dt.strftime("%Y%m%d"),
    "jtzz": pl.col("address"),
}
_EMPLOYER = {"dwmc": pl.col("name"), "tyshxydm": pl.col("uscc"), "dwdh": pl.col("phone"), "dwdz": pl.col("address")}
_FIELDS = {
    "ajbh": pl.col("source_record_id"),
    "ajmc": pl.col("title"),
    "lbdm": coded("category", CATEGORY),
    "ajzt": coded("status", STATUS),
    "zdcd": coded("grade", GRADE),
    "lyqd": coded("channel", CHANNEL),
    "fssj": local("occurred_at", _TIME),
    "tsrq": local("reported_at", _TIME),
    "slrq": local("accepted_at", _TIME),
    "jarq": local("resolved_at", _TIME),
    "lxrq": local("confirmed_at", _TIME),
    "gdrq": local("fed_back_at", _TIME),
    "fdqx": local("due_at", _TIME),
    "sjje": yuan("amount"),
    "sjrs": pl.col("people_involved"),
    "nr": pl.col("text"),
    "gzdd": pl.col("address"),
    "jddm": pl.col("street"),
    "sqdm": pl.col("community"),
    "workers": pl.struct("workers").struct.json_encode().str.slice(11).str.strip_suffix("}"),
    "xfbh": reference_to("petition"),
    "jjdbh": reference_to("police"),
    "qtwh": other_references("petition", "police"),
    "czrbh": pl.lit("LD") + (pl.col("row") % 60).cast(pl.String).str.zfill(3),
    "gxsj": local("updated_at", _TIME),
}
