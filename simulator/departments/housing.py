"""Housing and construction bureau (住建): flat camel-case JSON in offset pages, building sites and developers, times in epoch seconds."""

from __future__ import annotations

import polars as pl

from simulator.garbage import NUL, Garbage, Spoiler, spoilt
from simulator.rendering import (
    Rendered,
    as_bodies,
    coded,
    epoch,
    in_contract_order,
    nested,
    nth,
    other_references,
    own_codes,
    placed,
    reference_to,
    side,
    slot,
)

CATEGORY = own_codes(
    "category",
    "unpaidWages workInjury buildingQuality propertyService leasing demolition landUse illegalBuilding siteNoise sitePollution "
    "siteAppearance roadWorks traffic homeSales foodSafety fraud publicOrder loan worksContract family neighbours education "
    "medical housingAid siteSafety other",
)
CHANNEL = own_codes("channel", "HALL WECHAT ISZ GMT HOTLINE QRCODE SAFETY LETTER WEB APP COURT POLICE TRANSFER PATROL OTHER")
STATUS = own_codes("status", "NEW ACCEPTED PROCESSING SETTLED CONFIRMED CLOSED REJECTED CANCELLED")
GRADE = own_codes("grade", "RED YELLOW GREEN")
GENDER = {"male": "M", "female": "F"}


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One flat object a complaint: who complains is a list, developer and contractor are columns."""
    residents, owners, firms, opponents = in_contract_order(parties)
    developers, contractors, persons = nth(firms, 0), nth(firms, 1), nth(opponents, 0)
    frame = nested(records, side(parties, "petitioner"), "complainants", _COMPLAINANT)
    frame = slot(frame, developers, 0, _DEVELOPER)
    frame = slot(frame, contractors, 0, {"contractorName": pl.col("name"), "contractorCreditCode": pl.col("uscc")})
    frame = slot(frame, persons, 0, {"opponentName": pl.col("name"), "opponentPhone": pl.col("phone")})
    return Rendered(as_bodies(frame, _FIELDS), placed([residents, owners, developers, contractors, persons]))


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Four rows: no number, a time that is no number, an unknown type, a text with U+0000."""
    return spoilt(
        rows,
        "complaintId",
        [
            Spoiler("unparsable date", {"reportTime": "yesterday"}),
            Spoiler("no key", {}, has_key=False),
            Spoiler("unknown code", {"complaintType": "somethingElse"}),
            Spoiler("text with U+0000", {"description": NUL}, outcome="raw"),
        ],
    )


_COMPLAINANT = {
    "type": pl.when(pl.col("kind") == "organisation").then(pl.lit("COMPANY")).otherwise(pl.lit("PERSON")),
    "name": pl.col("name"),
    "idCard": pl.col("id_no"),
    "creditCode": pl.col("uscc"),
    "mobile": pl.col("phone"),
    "sex": coded("gender", GENDER),
    "room": pl.col("address"),
}
_DEVELOPER = {
    "developerName": pl.col("name"),
    "developerCreditCode": pl.col("uscc"),
    "developerTel": pl.col("phone"),
    "developerAddress": pl.col("address"),
}
_FIELDS = {
    "complaintId": pl.col("source_record_id"),
    "subject": pl.col("title"),
    "description": pl.col("text"),
    "complaintType": coded("category", CATEGORY),
    "state": coded("status", STATUS),
    "riskLevel": coded("grade", GRADE),
    "source": coded("channel", CHANNEL),
    "anonymous": pl.col("is_anonymous"),
    "happenTime": epoch("occurred_at"),
    "reportTime": epoch("reported_at"),
    "acceptTime": epoch("accepted_at"),
    "settleTime": epoch("resolved_at"),
    "confirmTime": epoch("confirmed_at"),
    "replyTime": epoch("fed_back_at"),
    "involvedPeople": pl.col("people_involved"),
    "involvedAmount": pl.col("amount").cast(pl.Float64),
    "projectAddress": pl.col("address"),
    "streetName": pl.col("street_name"),
    "communityName": pl.col("community_name"),
    "lng": pl.col("longitude"),
    "lat": pl.col("latitude"),
    "complainants": pl.col("complainants"),
    "developerName": pl.col("developerName"),
    "developerCreditCode": pl.col("developerCreditCode"),
    "developerTel": pl.col("developerTel"),
    "developerAddress": pl.col("developerAddress"),
    "contractorName": pl.col("contractorName"),
    "contractorCreditCode": pl.col("contractorCreditCode"),
    "opponentName": pl.col("opponentName"),
    "opponentPhone": pl.col("opponentPhone"),
    "siteId": pl.lit("GD") + (pl.col("row") % 208).cast(pl.String).str.zfill(4),
    "petitionNo": reference_to("petition"),
    "labourCaseNo": reference_to("labour"),
    "relatedNos": other_references("petition", "labour"),
    "serverTime": epoch("updated_at") + pl.col("row") % 3,
    "updateTime": epoch("updated_at"),
}
