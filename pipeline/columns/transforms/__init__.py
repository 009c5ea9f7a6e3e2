"""The closed registry of transforms: the words a contract may write after `as:`."""

from __future__ import annotations

from pipeline.columns.transforms import identifiers, numbers, places, text, times
from pipeline.columns.transforms.base import Options, Read, Transform

TRANSFORMS: dict[str, Transform] = {
    "text": text.text,
    "datetime": times.moment,
    "date": times.day,
    "excel_date": times.excel_date,
    "epoch": times.epoch,
    "money": numbers.money,
    "integer": numbers.integer,
    "decimal": numbers.decimal,
    "boolean": numbers.boolean,
    "person_name": text.name,
    "org_name": text.name,
    "party_name": text.name,
    "id_no": identifiers.id_no,
    "uscc": identifiers.uscc,
    "phone": identifiers.phone,
    "address": text.address,
    "street": places.street,
    "community": places.community,
    "longitude": places.longitude,
    "latitude": places.latitude,
    "gcj02_longitude": places.gcj02_longitude,
    "gcj02_latitude": places.gcj02_latitude,
    "gender": identifiers.gender,
    "upper": text.upper,
}

__all__ = ["TRANSFORMS", "Options", "Read", "Transform"]
