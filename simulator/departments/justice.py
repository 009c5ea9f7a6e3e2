"""Justice bureau (司法): mediation agreements as JSON Lines on object storage, with how far judicial confirmation has come."""

from __future__ import annotations

import polars as pl

from simulator.garbage import NUL, Garbage, Spoiler, as_rows, raw_lines, spoilt
from simulator.rendering import Rendered, as_bodies, coded, in_contract_order, nested, own_codes, placed, reference_list, reference_to, yuan
from simulator.systems.rows import ROWS
from simulator.systems.writers import gzipped, jsonl_text

CATEGORY = own_codes(
    "category",
    "labour-pay labour-injury building-quality property lease demolition land unlawful-building noise pollution appearance "
    "facilities traffic consumer food fraud injury debt contract marriage neighbour school medical support safety other",
)
CHANNEL = own_codes(
    "channel",
    "walk-in wechat i-shenzhen guangmingtong phone qr safety-officer letter web app court police referral patrol other",
)
STATUS = own_codes("status", "登记 受理 调解中 达成协议 司法确认 回访 不予受理 撤回")
GRADE = own_codes("grade", "重大疑难 较复杂 简易")
GENDER = {"male": "男", "female": "女"}
#: Judicial confirmation: apply, confirm, write, deliver.
CONFIRMATION = {"applied": "已申请", "confirmed": "已确认", "written": "已制书", "delivered": "已送达"}
FILE_ROWS = 50_000


def render(records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
    """One line an agreement: party A asks, party B answers."""
    groups = in_contract_order(parties)
    frame = records.with_columns(_step())
    for name, held in zip(("party_a", "firms_a", "firms_b", "party_b"), groups, strict=True):
        frame = nested(frame, held, name, _FIRM if name.startswith("firms") else _PERSON)
    return Rendered(as_bodies(frame, _FIELDS), placed(groups))


def files(rows: pl.DataFrame, garbage: list[Garbage]) -> dict[str, bytes]:
    """Numbered files of JSON Lines, gzipped; an agreement stays in the file in which it first stood."""
    held = pl.concat([rows.select(ROWS.names()), as_rows(garbage, ROWS)])
    parts = [jsonl_text(part).encode("utf-8") for part in held.iter_slices(FILE_ROWS)] or [b""]
    parts[-1] += b"".join(item.raw for item in garbage)
    return {f"mediation/agreements-{number:04d}.jsonl.gz": gzipped(part) for number, part in enumerate(parts, start=1)}


def garbage(rows: pl.DataFrame) -> list[Garbage]:
    """Four lines: one broken off, one of bytes that are no UTF-8, a day without sense, a text with U+0000."""
    spoilers = [
        Spoiler("unparsable date", {"applied_at": "2026-11-31T00:00:00Z"}),
        Spoiler("text with U+0000", {"facts": NUL}, outcome="raw"),
    ]
    structured = spoilt(rows, "agreement_no", spoilers)
    broken = {
        "broken JSON line": b'{"agreement_no": "RT-BROKEN", "subject": \n',
        "undecodable bytes": b'{"agreement_no": "RT-BYTES", "subject": "\xff\xfe\xb5"}\n',
    }
    return structured + raw_lines(rows, broken, len(structured))


def _step() -> pl.Expr:
    """How far an agreement that was reached has come; what was confirmed or fed back has been delivered."""
    step = pl.when(pl.col("status").is_in(["confirmed", "fed_back"])).then(pl.lit("delivered"))
    on_the_way = pl.col("row").mod(4).replace_strict([0, 1, 2, 3], list(CONFIRMATION), return_dtype=pl.String)
    return step.when(pl.col("status") == "resolved").then(on_the_way).alias("step")


_UTC = "%Y-%m-%dT%H:%M:%SZ"
_PERSON = {
    "name": pl.col("name"),
    "sex": coded("gender", GENDER),
    "id": pl.col("id_no"),
    "tel": pl.col("phone"),
    "born": pl.col("birth_date").dt.strftime("%Y%m%d"),
    "home": pl.col("address"),
}
_FIRM = {"name": pl.col("name"), "code": pl.col("uscc"), "tel": pl.col("phone"), "seat": pl.col("address")}


def _utc(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime(_UTC)


_CONFIRMING = pl.when(pl.col("step").is_not_null())
_FIELDS = {
    "agreement_no": pl.col("source_record_id"),
    "subject": pl.col("title"),
    "facts": pl.col("text"),
    "dispute": coded("category", CATEGORY),
    "state": coded("status", STATUS),
    "complexity": coded("grade", GRADE),
    "via": coded("channel", CHANNEL),
    "arose_at": _utc("occurred_at"),
    "applied_at": _utc("reported_at"),
    "accepted_at": _utc("accepted_at"),
    "agreed_at": _utc("resolved_at"),
    "visited_at": _utc("fed_back_at"),
    "sum": pl.concat_str(pl.lit("人民币"), yuan("amount"), pl.lit("元")),
    "persons": pl.col("people_involved"),
    "venue": pl.col("address"),
    "street": pl.col("street_name"),
    "community": pl.col("community_name"),
    "party_a": pl.col("party_a"),
    "firms_a": pl.col("firms_a"),
    "party_b": pl.col("party_b"),
    "firms_b": pl.col("firms_b"),
    "committee": pl.concat_str("community_name", pl.lit("人民调解委员会")),
    "mediator": pl.lit("调解员") + (pl.col("row") % 26).cast(pl.String),
    "confirmation": pl.struct(
        coded("step", CONFIRMATION).alias("state"),
        _CONFIRMING.then(pl.coalesce("confirmed_at", "resolved_at").dt.strftime(_UTC)).alias("at"),
        pl.lit("光明区人民法院").alias("court"),
    ),
    "court_case_no": reference_to("court"),
    "petition_no": reference_to("petition"),
    "police_no": reference_to("police"),
    "other_nos": reference_list("court", "petition", "police"),
    "updated_at": _utc("updated_at"),
}
