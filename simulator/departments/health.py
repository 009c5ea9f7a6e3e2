"""Health bureau (卫健): flat snake-case JSON in Link-header pages; most names are masked before they leave (张先生)."""

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
    nth,
    own_codes,
    placed,
    reference_list,
    slot,
)

CATEGORY = own_codes(
    "category",
    "M71 M72 M61 M62 M63 M64 M65 M66 M51 M52 M53 M54 M55 M31 M21 M73 M41 M32 M33 M74 M75 M76 M11 M12 M42 M99",
)
CHANNEL = own_codes("channel", "desk wechat ishenzhen gmt hotline qr safety mail online app court police transfer patrol other")
STATUS = own_codes("status", "registered accepted handling settled verified notified refused withdrawn")
GRADE = own_codes("grade", "I II III")
GENDER = {"male": "male", "female": "female"}


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One flat object a complaint: patients with masked names, the hospital, a doctor complained of."""
    patients, _, complained_of, opponents = in_contract_order(parties)
    hospitals, doctors = nth(complained_of, 0), nth(opponents, 0)
    frame = nested(records, patients, "patients", _PATIENT)
    frame = slot(frame, hospitals, 0, _HOSPITAL)
    frame = slot(frame, doctors, 0, {"doctor_name": pl.col("name"), "doctor_phone": pl.col("phone")})
    return Rendered(as_bodies(frame, _FIELDS), placed([patients, hospitals, doctors]))


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Three rows: no number, a time without sense, a text with U+0000."""
    return spoilt(
        rows,
        "complaint_id",
        [
            Spoiler("unparsable date", {"reported_at": "2026-00-00T00:00:00+08:00"}),
            Spoiler("text with U+0000", {"narrative": NUL}, outcome="raw"),
            Spoiler("no key", {}, has_key=False),
        ],
    )


_PATIENT = {
    "name": pl.col("name"),
    "id_card": pl.col("id_no"),
    "sex": coded("gender", GENDER),
    "born": pl.col("birth_date").dt.strftime("%Y-%m-%d"),
    "phone": pl.col("phone"),
    "home": pl.col("address"),
}
_HOSPITAL = {
    "hospital_name": pl.col("name"),
    "hospital_credit_code": pl.col("uscc"),
    "hospital_phone": pl.col("phone"),
    "hospital_address": pl.col("address"),
}
_FIELDS = {
    "complaint_id": pl.col("source_record_id"),
    "headline": pl.col("title"),
    "narrative": pl.col("text"),
    "topic": coded("category", CATEGORY),
    "stage": coded("status", STATUS),
    "severity": coded("grade", GRADE),
    "received_by": coded("channel", CHANNEL),
    "occurred_at": local("occurred_at", ISO),
    "reported_at": local("reported_at", ISO),
    "accepted_at": local("accepted_at", ISO),
    "settled_at": local("resolved_at", ISO),
    "notified_at": local("fed_back_at", ISO),
    "patients": pl.col("patients"),
    "hospital_name": pl.col("hospital_name"),
    "hospital_credit_code": pl.col("hospital_credit_code"),
    "hospital_phone": pl.col("hospital_phone"),
    "hospital_address": pl.col("hospital_address"),
    "doctor_name": pl.col("doctor_name"),
    "doctor_phone": pl.col("doctor_phone"),
    "claim_yuan": pl.col("amount").cast(pl.Float64),
    "people": pl.col("people_involved"),
    "place": pl.col("address"),
    "street": pl.col("street_name"),
    "community": pl.col("community_name"),
    "related": reference_list(),
    "medical_card": pl.lit("SZ****") + (pl.col("row") % 10_000).cast(pl.String).str.zfill(4),
    "modified_at": local("updated_at", ISO),
}
