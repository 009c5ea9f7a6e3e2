"""Urban management (城管): Open311 service requests; coordinates in GCJ-02, photos, reporters who give no name."""

from __future__ import annotations

import math

import numpy as np
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
    side,
)

CATEGORY = own_codes(
    "category",
    "701 702 205 206 207 208 209 101 301 302 201 202 203 703 704 705 401 706 707 708 303 709 710 711 402 999",
)
NAMES = own_codes(
    "category",
    "欠薪 工伤 房屋质量 小区物业 房屋租赁 征拆 用地 违法搭建 噪音扰民 污染 市容环境 道路设施 交通出行 消费 食药 诈骗 治安 借贷 "
    "合同 家庭 邻里 教育 医疗 救助 安全隐患 其他",
)
NOTES = own_codes("status", "已登记 已受理 处置中 已处置 已核查 已反馈 不予受理 已撤回")
GRADE = own_codes("grade", "P1 P2 P3")
CLOSED = ("resolved", "confirmed", "fed_back", "rejected", "withdrawn")
CHANNEL = own_codes("channel", "hall wechat ishenzhen gmt 12345 qrcode safety letter web app court 110 transfer patrol other")
SERVICES = [{"service_code": code, "service_name": NAMES[hub_code], "description": NAMES[hub_code]} for hub_code, code in CATEGORY.items()]
_AXIS, _FLATTENING = 6378245.0, 0.00669342162296594323


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One service request a record; the extended attributes hold what GeoReport v2 has no word for."""
    reporters, complained_of = side(parties, "petitioner"), side(parties, "respondent")
    frame = nested(records, reporters, "reporters", _PARTY)
    frame = nested(frame, complained_of, "complained_of", _PARTY)
    longitude, latitude = gcj02(frame["longitude"], frame["latitude"])
    frame = frame.with_columns(longitude.alias("long"), latitude.alias("lat"))
    return Rendered(as_bodies(frame, _FIELDS), placed(in_contract_order(parties)))


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Four rows: no id, a time without sense, a service that is not in the list, a text with U+0000."""
    return spoilt(
        rows,
        "service_request_id",
        [
            Spoiler("unparsable date", {"requested_datetime": "2026-06-31T24:99:00+08:00"}),
            Spoiler("no key", {}, has_key=False),
            Spoiler("unknown code", {"service_code": "000"}),
            Spoiler("text with U+0000", {"description": NUL}, outcome="raw"),
        ],
    )


def gcj02(longitudes: pl.Series, latitudes: pl.Series) -> tuple[pl.Series, pl.Series]:
    """WGS-84 degrees as Chinese maps show them: some 500 m away."""
    lng, lat = (series.cast(pl.Float64).fill_null(float("nan")).to_numpy() for series in (longitudes, latitudes))
    x, y = lng - 105.0, lat - 35.0
    waves = (20 * np.sin(6 * x * math.pi) + 20 * np.sin(2 * x * math.pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + waves
    north += (20 * np.sin(y * math.pi) + 40 * np.sin(y / 3 * math.pi)) * 2 / 3
    north += (160 * np.sin(y / 12 * math.pi) + 320 * np.sin(y * math.pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + waves
    east += (20 * np.sin(x * math.pi) + 40 * np.sin(x / 3 * math.pi)) * 2 / 3
    east += (150 * np.sin(x / 12 * math.pi) + 300 * np.sin(x / 30 * math.pi)) * 2 / 3
    radians = np.radians(lat)
    magic = 1 - _FLATTENING * np.sin(radians) ** 2
    moved_lat = lat + np.degrees(north * magic * np.sqrt(magic) / (_AXIS * (1 - _FLATTENING)))
    moved_lng = lng + np.degrees(east * np.sqrt(magic) / (_AXIS * np.cos(radians)))
    return pl.Series(moved_lng).fill_nan(None).round(7), pl.Series(moved_lat).fill_nan(None).round(7)


_PARTY = {
    "type": pl.when(pl.col("kind") == "organisation").then(pl.lit("business")).otherwise(pl.lit("person")),
    "name": pl.col("name"),
    "id_no": pl.col("id_no"),
    "credit_code": pl.col("uscc"),
    "phone": pl.col("phone"),
    "home": pl.col("address"),
}
_PHOTO = pl.format("https://images.example/ugc/{}/1.jpg", "source_record_id")
_FIELDS = {
    "service_request_id": pl.col("source_record_id"),
    "status": pl.when(pl.col("status").is_in(CLOSED)).then(pl.lit("closed")).otherwise(pl.lit("open")),
    "status_notes": coded("status", NOTES),
    "service_name": coded("category", NAMES),
    "service_code": coded("category", CATEGORY),
    "description": pl.col("text"),
    "agency_responsible": pl.concat_str("street_name", pl.lit("综合行政执法队")),
    "service_notice": pl.lit(None, dtype=pl.String),
    "requested_datetime": local("reported_at", ISO),
    "updated_datetime": local("updated_at", ISO),
    "expected_datetime": local("due_at", ISO),
    "address": pl.col("address"),
    "address_id": pl.col("community"),
    "zipcode": pl.lit("518107"),
    "lat": pl.col("lat"),
    "long": pl.col("long"),
    "media_url": pl.when(pl.col("row") % 2 == 0).then(_PHOTO),
    "extended_attributes": pl.struct(
        pl.col("title"),
        pl.col("is_anonymous").alias("anonymous"),
        coded("channel", CHANNEL).alias("source"),
        pl.col("street").alias("street_code"),
        local("occurred_at", ISO).alias("observed_datetime"),
        local("found_at", ISO).alias("found_datetime"),
        local("accepted_at", ISO).alias("accepted_datetime"),
        local("resolved_at", ISO).alias("closed_datetime"),
        local("fed_back_at", ISO).alias("notified_datetime"),
        coded("grade", GRADE).alias("priority"),
        pl.col("people_involved").alias("people"),
        pl.col("amount").cast(pl.Float64).alias("loss"),
        pl.col("reporters"),
        pl.col("complained_of"),
        reference_to("petition").alias("petition_no"),
        reference_to("emergency_management").alias("emergency_no"),
        reference_list("petition", "emergency_management").alias("related"),
    ),
}
