"""VALIDATE: landed rows → quarantined with rule and reason, held as a batch, or on their way to NORMALISE.

Judged in this order: rows that could not be read or have no key, drift of the columns, then the contract's expectations
through Great Expectations, in chunks. Where nothing landed, only how many rows there are is judged: Great Expectations is not
even imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, text

from connectors.contract import Contract
from hub.database import store_errors
from hub.settings import Settings
from hub.wording import Words
from pipeline.batch import refusals, work
from pipeline.batch.alerts import alert
from pipeline.batch.batch_errors import told_with_batch
from pipeline.batch.event_order import is_ordered, place_of
from pipeline.batch.holding import hold, too_many, why_too_many
from pipeline.columns.payloads import Payloads, collector_at_rest
from pipeline.store.copying import read_frame
from pipeline.store.locks import department_lock
from pipeline.validating import drift
from pipeline.validating.expectations import Finding, Part, frame_of, has_rules, run

if TYPE_CHECKING:
    import pandas as pd

_TEMPORARY = f"{refusals.TABLE}; {work.TABLE}"
_UNREADABLE = """
INSERT INTO refused
SELECT source_record_id, version, CASE WHEN payload IS NULL THEN 'fault' ELSE 'key' END, NULL,
       coalesce(fault, '此行没有主键 ' || :key || ' · the row has no key: ' || :key)
FROM landing.record
WHERE department = :department AND batch_id = ANY(:batches) AND state = 'landed' AND operation = 'upsert'
  AND (payload IS NULL OR NOT has_key)
"""
_LANDED_IN_WINDOW = """
SELECT coalesce(sum(landed), 0) FROM ops.batch
WHERE department = :department AND kind <> 'remap' AND started_at > now() - cast(:per AS interval)
"""
_PULLED = """
SELECT pulled FROM ops.batch WHERE batch_id = ANY(:batches) AND kind <> 'remap' ORDER BY batch_id DESC LIMIT 1
"""
# Rows that rules row by row have refused until then are not to be current, and give no place to what follows them.
_WHOLE = """
SELECT w.source_record_id, w.version, f.version IS NOT NULL AS is_refused, {place} AS place
FROM work w {of_landing} LEFT JOIN (SELECT DISTINCT source_record_id, version FROM refused) f
ON f.source_record_id = w.source_record_id AND f.version = w.version ORDER BY w.n
"""
_OF_LANDING = """CROSS JOIN LATERAL (
    SELECT source_record_id, version, source_cursor FROM landing.record
    WHERE department = %(department)s AND source_record_id = w.source_record_id AND version = w.version OFFSET 0
) l"""
_WORST_RULES = """
SELECT rule || coalesce(' on ' || column_name, '') || ' × ' || count(*) FROM refused
GROUP BY rule, column_name ORDER BY count(*) DESC LIMIT 3
"""
# Of a batch that is finished they tell of all its rows: a replay judges a few of them again.
_RESULTS = """
INSERT INTO ops.validation_result (batch_id, rule, column_name, on_failure, evaluated, failed)
SELECT batch_id, :rule, :column, :on_failure, :evaluated, :failed FROM ops.batch WHERE batch_id = :batch_id AND state = 'landed'
ON CONFLICT (batch_id, rule, column_name) DO UPDATE SET evaluated = excluded.evaluated, failed = excluded.failed
"""
_VALIDATED = "UPDATE ops.batch SET validated_at = now() WHERE batch_id = ANY(:batches)"
_REMEMBER = """
UPDATE ops.source SET columns = cast(:columns AS jsonb)
WHERE department = :department AND columns IS DISTINCT FROM cast(:columns AS jsonb) AND :columns <> '{}'
"""
_DRIFTS = {"new_column": "新增列", "missing_column": "缺列", "retyped_column": "列类型改变"}


@dataclass
class _Verdict:
    """What the rules say of a batch: results by rule, alerts for a person, and why it is held, if it is."""

    rows: int = 0
    results: dict[tuple[str, str], Finding] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)
    halts: list[Words] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)

    def count(self, finding: Finding) -> None:
        """Add a chunk's finding to the rule's row."""
        place = (finding.rule, finding.column or "")
        before = self.results.get(place)
        evaluated, failed = (before.evaluated, before.failed) if before else (0, 0)
        self.results[place] = replace(finding, evaluated=evaluated + finding.evaluated, failed=failed + finding.failed, row_indexes=[])
        if finding.failed and finding.on_failure == "halt":
            self.halts.append(
                Words(f"{finding.column or '批次'} 不符合 {finding.rule}", f"{finding.rule} fails on {finding.column or 'the batch'}")
            )

    @property
    def findings(self) -> list[Finding]:
        """One a rule, summed over the chunks."""
        return list(self.results.values())


def validate(engine: Engine, contract: Contract, batch_id: int, settings: Settings, *, released: Sequence[int] = ()) -> None:
    """Judge everything of a department that landed up to a batch and is in no state yet, once: a step that is tried again adds nothing.

    Args:
        engine: the store.
        contract: of the department.
        batch_id: the newest batch to judge.
        settings: chunk size and the share of failing rows above which a batch is held.
        released: batches that a person released or replayed: these alone are taken, bad rows are quarantined, and none is held again.

    Raises:
        BatchHeld: an expectation says halt, a drift says halt, or too much fails; the batch is held whole.
        BusyError: another run of the department is at work.
    """
    department = contract.department
    with told_with_batch(engine, department, batch_id), store_errors(), department_lock(engine, department) as connection:
        keys = {"department": department, "batch_id": batch_id, "key": ", ".join(contract.key)}
        connection.execute(text(_TEMPORARY))
        _, batches = work.unfinished(connection, department, batch_id, released)  # results of those judged before stay as they are
        unreadable = connection.execute(text(_UNREADABLE), {**keys, "batches": batches}).rowcount
        total = work.prepare(connection, department, batches)
        verdict = _Verdict(rows=total + unreadable)
        if total:
            _judge(connection, contract, keys, settings, verdict)
        _volume(connection, contract, [*batches, batch_id], verdict, holds=bool(batches))
        _store(connection, keys, verdict)
        alert(connection, department, batch_id, verdict.alerts)
        _write_data_docs(connection, contract, batch_id, settings, verdict)
        held = None if released else _why_held(connection, settings, verdict)
        if held:
            hold(connection, department, batch_id, held, batches)
        refusals.quarantine(connection, department, ordered=is_ordered(contract))
        connection.execute(text(_REMEMBER), {**keys, "columns": orjson.dumps(verdict.columns).decode()})
        connection.execute(text(_VALIDATED), {"batches": batches})
        connection.execute(text("UPDATE ops.batch SET state = 'validated' WHERE batch_id = :batch_id AND state = 'landed'"), keys)
        connection.commit()


def _judge(connection: Connection, contract: Contract, keys: dict[str, object], settings: Settings, verdict: _Verdict) -> None:
    known = connection.execute(text("SELECT columns FROM ops.source WHERE department = :department"), keys).scalar_one() or {}
    shape, whole = drift.Shape(), []
    for chunk in work.chunks(connection, contract.department, settings.validate_chunk_rows, verdict.rows):
        with collector_at_rest():
            rows = Payloads.decoded(chunk.drop_in_place("payload")).documents
            seen = drift.Shape.of(rows)
            _drift_in_rows(contract, known, seen, (rows, chunk, connection), verdict)
            # A batch that is one chunk, with no two versions of a record, is judged by all its rules at once.
            part: Part = "all" if len(chunk) == verdict.rows == chunk["source_record_id"].n_unique() else "rows"
            judged = frame_of(contract, rows, part)
            if part == "rows" and has_rules(contract, "batch"):
                whole.append(frame_of(contract, rows, "batch"))
            del rows  # decoded they are many times as large as the columns that are judged
        shape.merge(seen)
        _expect(contract, judged, part, (chunk, connection), verdict)
    if whole:
        _expect_of_batch(contract, whole, connection, verdict)
    _drift_in_batch(contract, known, shape, verdict)
    verdict.columns = drift.remembered(contract, known, shape, learns_types=contract.drift.retyped_column == "land_and_alert")


def _expect_of_batch(contract: Contract, frames: list[pd.DataFrame], connection: Connection, verdict: _Verdict) -> None:
    """Rules that need all rows at once: their columns alone are kept until then.

    Those that compare rows compare of each record the version that is to be current: it repeats what others of it said, not another record.
    """
    import pandas as pd

    frame, rows = pd.concat(frames), _whole(connection, contract)
    newest = _newest(rows)
    if newest is None:
        _expect(contract, frame, "batch", (rows, connection), verdict)
        return
    _expect(contract, frame[newest.to_numpy()], "over_rows", (rows.filter(newest), connection), verdict)
    _expect(contract, frame, "whole", (rows, connection), verdict)


def _whole(connection: Connection, contract: Contract) -> pl.DataFrame:
    """All rows in the order of the frames: (source_record_id, version, is_refused, place)."""
    ordered = is_ordered(contract)
    place, of_landing = (place_of("l", within="f.version IS NULL"), _OF_LANDING) if ordered else ("NULL::text", "")
    return read_frame(connection, _WHOLE.format(place=place, of_landing=of_landing), {"department": contract.department}, is_fixed=True)


def _newest(rows: pl.DataFrame) -> pl.Series | None:
    """Which rows are the version of their record that is to be current: the furthest that no rule has refused; None where all are.

    Of a record of which every version is refused the furthest stands for it.
    """
    if rows["source_record_id"].n_unique() == len(rows):
        return None
    furthest_first = rows.with_row_index("row").sort(
        "is_refused", "place", "version", descending=[False, True, True], nulls_last=[False, True, False]
    )
    return furthest_first.select("row", is_newest=pl.col("source_record_id").is_first_distinct()).sort("row")["is_newest"]


def _expect(contract: Contract, frame: pd.DataFrame, part: Part, where: tuple[pl.DataFrame, Connection], verdict: _Verdict) -> None:
    """Judge rows; `where` has their (source_record_id, version) in the frame's order."""
    rows, connection = where
    for finding in run(contract, frame, part):
        verdict.count(finding)
        if finding.on_failure == "quarantine" and finding.row_indexes:
            reason = Words(f"不符合 {finding.rule}", f"{finding.rule} does not hold")
            _refuse(connection, rows, finding.row_indexes, finding.rule, finding.column, str(reason))


def _refuse(connection: Connection, rows: pl.DataFrame, indexes: list[int], rule: str, column: str | None, reason: str) -> None:
    told = {"rule": pl.lit(rule), "column_name": pl.lit(column, pl.String), "reason": pl.lit(reason)}
    refusals.add(connection, rows[indexes].select("source_record_id", "version", **told))


def _drift_in_rows(
    contract: Contract,
    known: dict[str, list[str]],
    seen: drift.Shape,
    where: tuple[Sequence[dict[str, Any]], pl.DataFrame, Connection],
    verdict: _Verdict,
) -> None:
    rows, chunk, connection = where
    if contract.drift.retyped_column == "quarantine":
        for column, kinds in drift.retyped_columns(known, seen).items():
            indexes = [index for index, row in enumerate(rows) if drift.has_type(row.get(column), kinds)]
            types = ", ".join(sorted(kinds))
            reason = Words(f"此列出现其他类型的值：{types}", f"the column now holds values of another type: {types}")
            _refuse(connection, chunk, indexes, "drift:retyped_column", column, str(reason))
            verdict.count(Finding("drift:retyped_column", column, "quarantine", len(rows), len(indexes), indexes))
    if contract.drift.new_column == "quarantine":
        for column, columns in drift.named(contract, drift.new_columns(contract, seen)).items():
            indexes = [index for index, row in enumerate(rows) if not row.keys().isdisjoint(columns)]
            _refuse(connection, chunk, indexes, "drift:new_column", column, "契约中没有此列 · the contract does not know the column")
            verdict.count(Finding("drift:new_column", column, "quarantine", len(rows), len(indexes), indexes))


def _drift_in_batch(contract: Contract, known: dict[str, list[str]], shape: drift.Shape, verdict: _Verdict) -> None:
    found = {
        "new_column": drift.new_columns(contract, shape),
        "missing_column": drift.missing_columns(contract, shape.types, shape.rows),
        "retyped_column": list(drift.retyped_columns(known, shape)),
    }
    for kind, columns in found.items():
        action = getattr(contract.drift, kind)
        for column in columns if kind == "missing_column" else drift.named(contract, columns):
            verdict.alerts.append(f"{kind}: {_DRIFTS[kind]} {column} · {kind.replace('_', ' ')} {column}")
            # A column that is gone is gone from every row: to quarantine it is to hold the batch.
            if action == "halt" or (kind == "missing_column" and action == "quarantine"):
                verdict.halts.append(Words(f"{_DRIFTS[kind]} {column}", f"{kind} {column}"))


def _volume(connection: Connection, contract: Contract, batches: list[int], verdict: _Verdict, *, holds: bool) -> None:
    """Compare the rows of the window with what the contract calls healthy: too few hold a snapshot, anything else alerts.

    A snapshot that was cut off brings nothing new, and deletes: so it is judged whatever landed. `holds` says that something did.
    What is mapped anew comes from no source, and says nothing of its health.
    """
    low, high = contract.volume.min, contract.volume.max
    if contract.feed.mode == "snapshot":
        pulled = connection.execute(text(_PULLED), {"batches": batches}).scalar()
        if pulled is None:
            return
    else:
        window = {"department": contract.department, "per": contract.volume.per}
        pulled = connection.execute(text(_LANDED_IN_WINDOW), window).scalar_one()
    if high is not None and pulled > high:
        verdict.alerts.append(f"volume: 共 {pulled} 行，正常不多于 {high} 行 · {pulled} rows, at most {high} are healthy")
    if low is not None and pulled < low:
        verdict.alerts.append(f"volume: 仅 {pulled} 行，正常不少于 {low} 行 · {pulled} rows, at least {low} are healthy")
        if contract.feed.mode == "snapshot" and holds:
            verdict.halts.append(Words(f"仅 {pulled} 行，正常不少于 {low} 行", f"only {pulled} rows, at least {low} are healthy"))


def _why_held(connection: Connection, settings: Settings, verdict: _Verdict) -> Words | None:
    if verdict.halts:
        return Words.listed(verdict.halts)
    failing = connection.execute(text("SELECT count(*) FROM (SELECT DISTINCT source_record_id, version FROM refused) f")).scalar_one()
    if too_many(failing, verdict.rows, settings):
        return why_too_many(failing, verdict.rows, settings, connection.execute(text(_WORST_RULES)).scalars().all())
    return None


def _write_data_docs(connection: Connection, contract: Contract, batch_id: int, settings: Settings, verdict: _Verdict) -> None:
    """Great Expectations' own pages of the batch, from counts alone, under `home`/data_docs."""
    findings = [finding for finding in verdict.findings if not finding.rule.startswith("drift:")]
    if not findings:
        return
    from pipeline.validating.data_docs import data_docs

    at = connection.execute(text("SELECT now()")).scalar_one()
    data_docs(contract, findings, settings.home / "data_docs", batch_id=batch_id, at=at)


def _store(connection: Connection, keys: dict[str, object], verdict: _Verdict) -> None:
    if verdict.results:
        connection.execute(text(_RESULTS), [{**keys, **asdict(finding), "column": finding.column or ""} for finding in verdict.findings])
