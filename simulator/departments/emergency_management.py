"""Emergency management bureau (应急管理): events pushed as they happen, in bursts, some of them sent again."""

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
    reference_to,
)

CATEGORY = own_codes(
    "category",
    "H71 H11 H12 H72 H73 H74 H75 H13 H76 H31 H32 H21 H22 H77 H41 H78 H51 H79 H80 H81 H82 H52 H83 H84 H01 H99",
)
STATUS = own_codes("status", "reported taken handling cleared verified closed void cancelled")
GRADE = own_codes("grade", "1 2 3")
CHANNEL = own_codes("channel", "DT WX ISZ GMT RX QR AQY LX WZ APP FY 110 ZB XC QT")
#: One event of so many is sent twice in the same push.
RESENT_EVERY = 11


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One event a change: the whole incident as it stands after it."""
    groups = in_contract_order(parties)
    reporters, reporting, units, persons = groups
    frame = nested(records, reporters, "reporters", _PERSON)
    frame = nested(frame, reporting, "reporting_units", _UNIT)
    frame = nested(frame, units, "units", _UNIT)
    frame = nested(frame, persons, "persons", _PERSON)
    return Rendered(as_bodies(frame, _FIELDS), placed(groups))


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Three events: no incident number, a time without sense, a text with U+0000."""
    return spoilt(
        rows,
        "incident.no",
        [
            Spoiler("unparsable date", {"id": "ev-garbage-1", "incident.reported_at": "2026-02-29T12:00:00+08:00"}),
            Spoiler("no key", {"id": "ev-garbage-2"}, has_key=False),
            Spoiler("text with U+0000", {"id": "ev-garbage-3", "incident.report": NUL}, outcome="raw"),
        ],
    )


def resent(rows: pl.DataFrame) -> list[str]:
    """Events that a push holds twice."""
    bodies: list[str] = rows.gather_every(RESENT_EVERY)["body"].to_list()
    return bodies


_PERSON = {"name": pl.col("name"), "id_no": pl.col("id_no"), "phone": pl.col("phone"), "address": pl.col("address")}
_UNIT = {"name": pl.col("name"), "uscc": pl.col("uscc"), "phone": pl.col("phone"), "address": pl.col("address")}
_KIND = pl.when("is_deleted").then(pl.lit("incident.withdrawn")).when("is_new").then(pl.lit("incident.reported"))
_FIELDS = {
    "id": pl.lit("ev-") + pl.col("change_number").cast(pl.String).str.zfill(10),
    "type": _KIND.otherwise(pl.lit("incident.updated")),
    "sent_at": local("updated_at", ISO),
    "incident": pl.struct(
        pl.col("source_record_id").alias("no"),
        pl.col("title"),
        pl.col("text").alias("report"),
        coded("category", CATEGORY).alias("hazard"),
        coded("status", STATUS).alias("state"),
        coded("grade", GRADE).alias("level"),
        coded("channel", CHANNEL).alias("source"),
        pl.col("is_anonymous").alias("anonymous"),
        local("occurred_at", ISO).alias("occurred_at"),
        local("found_at", ISO).alias("discovered_at"),
        local("reported_at", ISO).alias("reported_at"),
        local("accepted_at", ISO).alias("taken_at"),
        local("resolved_at", ISO).alias("cleared_at"),
        local("confirmed_at", ISO).alias("verified_at"),
        local("fed_back_at", ISO).alias("closed_at"),
        pl.col("people_involved").alias("people_affected"),
        pl.col("amount").cast(pl.Float64).alias("loss_yuan"),
        pl.struct(
            pl.col("address"), pl.col("street"), pl.col("community"), pl.col("longitude").alias("lng"), pl.col("latitude").alias("lat")
        ).alias("place"),
        pl.col("reporters"),
        pl.col("reporting_units"),
        pl.col("units"),
        pl.col("persons"),
        pl.concat_str("street_name", pl.lit("应急管理办公室")).alias("squad"),
        reference_to("urban_management").alias("city_request"),
        reference_to("police").alias("police_call"),
        reference_list("urban_management", "police").alias("related"),
    ),
}
