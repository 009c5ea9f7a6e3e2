"""Planning and land bureau (规划土地): Oracle-style tables, a change number for cursor, deletions flagged, plots for addresses.

Its division codes are those of before the district was founded, where a street or community had one.
"""

from __future__ import annotations

import polars as pl

from schema import codes
from simulator.garbage import Garbage, Spoiler, spoilt
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
)
from simulator.systems.sql import Layout, Table

CATEGORY = own_codes(
    "category",
    "GT-71 GT-72 GT-21 GT-22 GT-23 GT-01 GT-02 GT-03 GT-51 GT-52 GT-53 GT-54 GT-55 GT-73 GT-74 GT-75 GT-76 GT-77 GT-11 GT-78 GT-12 "
    "GT-79 GT-80 GT-81 GT-31 GT-99",
)
CHANNEL = own_codes("channel", "10 11 12 13 14 15 16 17 18 19 20 21 22 23 99")
STATUS = own_codes("status", "REG ACC PRC FIN CFM FBK REJ WDR")
GRADE = own_codes("grade", "A B C")
#: The change number of the first pull's rows; SCNs grow, and one change has one of them.
FIRST_SCN = 884_000_000

CASES = Table(
    "T_LAND_PETITION",
    {
        "CASE_ID": "VARCHAR(40)",
        "CASE_TITLE": "VARCHAR(200)",
        "CASE_TYPE": "VARCHAR(8)",
        "CASE_STATE": "VARCHAR(3)",
        "CASE_GRADE": "VARCHAR(1)",
        "CASE_SOURCE": "VARCHAR(2)",
        "PLOT_NO": "VARCHAR(20)",
        "LOCATION": "VARCHAR(200)",
        "STREET_CODE": "VARCHAR(12)",
        "COMM_CODE": "VARCHAR(12)",
        "LAND_AREA_M2": "INTEGER",
        "APPLICANT": "VARCHAR(60)",
        "APPLICANT_CERT_NO": "VARCHAR(20)",
        "APPLICANT_TEL": "VARCHAR(40)",
        "CO_APPLICANTS": "VARCHAR(200)",
        "APPLICANT_ORG": "VARCHAR(120)",
        "APPLICANT_ORG_CODE": "VARCHAR(18)",
        "OPPOSITE_ORG": "VARCHAR(120)",
        "OPPOSITE_ORG_CODE": "VARCHAR(18)",
        "OPPOSITE_PERSON": "VARCHAR(60)",
        "CONTENT_CLOB": "TEXT",
        "HAPPEN_DATE": "VARCHAR(20)",
        "REG_DATE": "VARCHAR(20)",
        "ACCEPT_DATE": "VARCHAR(20)",
        "FINISH_DATE": "VARCHAR(20)",
        "AMOUNT_WAN": "DECIMAL(16, 6)",
        "PEOPLE_CNT": "INTEGER",
        "PETITION_NO": "VARCHAR(40)",
        "RELATED_NOS": "VARCHAR(100)",
        "OPERATOR_ID": "INTEGER",
        "DEL_FLAG": "VARCHAR(1)",
        "ROW_SCN": "BIGINT",
    },
    key="CASE_ID",
    indexes=("ROW_SCN",),
)
LAYOUT = Layout((CASES,))
_DATE = "%d-%b-%Y %H:%M:%S"


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One row a case; a deletion stays as a row with DEL_FLAG 1."""
    persons, firms, complained_of, against = in_contract_order(parties)
    applicants, applying, opposite, opponents = nth(persons, 0), nth(firms, 0), nth(complained_of, 0), nth(against, 0)
    others = rest(persons, applicants)
    frame = slot(records, applicants, 0, _APPLICANT)
    frame = named(frame, others, "CO_APPLICANTS", ",")
    frame = slot(frame, applying, 0, {"APPLICANT_ORG": pl.col("name"), "APPLICANT_ORG_CODE": pl.col("uscc")})
    frame = slot(frame, opposite, 0, {"OPPOSITE_ORG": pl.col("name"), "OPPOSITE_ORG_CODE": pl.col("uscc")})
    frame = slot(frame, opponents, 0, {"OPPOSITE_PERSON": pl.col("name")})
    former = {now: before for before, now in codes.region_aliases().items()}
    fields = _FIELDS | {
        "STREET_CODE": pl.col("street").replace(list(former), list(former.values())),
        "COMM_CODE": pl.col("community").replace(list(former), list(former.values())),
    }
    columns = {name: fields.get(name, pl.col(name)) for name in CASES.columns}
    return Rendered(as_columns(frame, columns), placed([applicants, others, applying, opposite, opponents]))


def tables(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows of each table."""
    return {CASES.name: rows.select(CASES.columns.keys())}


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Three rows: no number, a date that is none, a state that is not in the list."""
    return spoilt(
        rows,
        "CASE_ID",
        [
            Spoiler("unparsable date", {"REG_DATE": "31-FEB-2026 10:00:00"}),
            Spoiler("unknown code", {"CASE_STATE": "ZZZ"}),
            Spoiler("no key", {}, has_key=False),
        ],
    )


_APPLICANT = {"APPLICANT": pl.col("name"), "APPLICANT_CERT_NO": pl.col("id_no"), "APPLICANT_TEL": pl.col("phone")}
_PLOT = pl.format("A{}-{}", (600 + pl.col("row") % 40).cast(pl.String), (pl.col("row") * 7 % 9973).cast(pl.String).str.zfill(4))
_FIELDS = {
    "CASE_ID": pl.col("source_record_id"),
    "CASE_TITLE": pl.col("title"),
    "CASE_TYPE": coded("category", CATEGORY),
    "CASE_STATE": coded("status", STATUS),
    "CASE_GRADE": coded("grade", GRADE),
    "CASE_SOURCE": coded("channel", CHANNEL),
    "PLOT_NO": _PLOT,
    "LOCATION": pl.when(pl.col("row") % 3 == 0).then(pl.col("address")),  # of two in three, the plot number is all the address there is
    "LAND_AREA_M2": (pl.col("row") * 13 % 4000 + 20).cast(pl.Int64),
    "CONTENT_CLOB": pl.col("text"),
    "HAPPEN_DATE": local("occurred_at", _DATE).str.to_uppercase(),
    "REG_DATE": local("reported_at", _DATE).str.to_uppercase(),
    "ACCEPT_DATE": local("accepted_at", _DATE).str.to_uppercase(),
    "FINISH_DATE": local("resolved_at", _DATE).str.to_uppercase(),
    "AMOUNT_WAN": (pl.col("amount").cast(pl.Float64) / 10_000).round(6),
    "PEOPLE_CNT": pl.col("people_involved"),
    "PETITION_NO": reference_to("petition"),
    "RELATED_NOS": other_references("petition"),
    "OPERATOR_ID": (pl.col("row") % 55).cast(pl.Int64),
    "DEL_FLAG": pl.when("is_deleted").then(pl.lit("1")).otherwise(pl.lit("0")),
    "ROW_SCN": FIRST_SCN + pl.col("change_number"),
}
