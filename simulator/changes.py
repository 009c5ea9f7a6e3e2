"""What happens at the sources after the first pull: updates, values that return, deletions, late commits, events sent again.

Enters: the records. Leaves: `changes`, in the order of ticks. A change that needs several fields has a row for each. New records have no
row here: they are the records whose `tick` is above 0 and that are not late.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from simulator.columns import SECONDS_A_DAY, Floats, Ints, Random, chance, pick, strings
from simulator.filings import GRADES, NOW, STATUS, TICKS, Filings, times
from simulator.rates import Rates
from simulator.speech import moved_on

_SCHEMA = {
    "tick": pl.Int32,
    "department": pl.String,
    "source_record_id": pl.String,
    "kind": pl.String,
    "field": pl.String,
    "value": pl.String,
}
_ISO = "%Y-%m-%dT%H:%M:%SZ"
_STAGES = ("accepted_at", "accepted_at", "resolved_at", "resolved_at", "confirmed_at", "fed_back_at", "", "")
_STATUS_CHAIN = (1, 2, 3, 4, 5, 5, 6, 7)


def set_late(rng: Random, rates: Rates, filings: Filings) -> None:
    """Give records that are committed late a cursor time before the watermark that the pull before theirs left."""
    late = np.flatnonzero(filings.is_late)
    marks = _watermarks(filings)
    mark = marks[filings.tick[late] - 1, filings.department[late]]
    within = chance(rng, rates.changes.late_within_lag, len(late))
    behind = np.where(within, rng.integers(60, 9 * 60, len(late)), rng.integers(1800, 20 * 3600, len(late)))
    filings.updated[late] = mark - behind


def _watermarks(filings: Filings) -> Ints:
    """The highest cursor time of each department after each pull, from the records alone."""
    departments = int(filings.department.max(initial=0)) + 1
    marks = np.zeros((TICKS + 1, departments), dtype=np.int64)
    for tick in range(TICKS + 1):
        rows = (filings.tick <= tick) & ~filings.is_late
        np.maximum.at(marks[tick], filings.department[rows], filings.updated[rows])
    # A department whose only record is a late one has no watermark: any time before the first pull will do.
    return np.where(marks > 0, marks, NOW - SECONDS_A_DAY)


def change(rng: Random, rates: Rates, filings: Filings, records: pl.DataFrame) -> pl.DataFrame:
    """All changes after the first pull."""
    groups = _draw_rows(rng, rates, filings)
    late = np.flatnonzero(filings.is_late)
    parts = [
        *_updates(rng, filings, records, groups["update"]),
        *_reverts(rng, filings, records, groups["revert"]),
        _rows(records, groups["delete"], _ticks(rng, groups["delete"]), "delete"),
        _rows(records, groups["resend"], _ticks(rng, groups["resend"]), "resend"),
        _rows(records, late, filings.tick[late], "late", "updated_at", records["updated_at"].gather(late).dt.strftime(_ISO)),
    ]
    return pl.concat(parts).sort("tick", maintain_order=True)


def _draw_rows(rng: Random, rates: Rates, filings: Filings) -> dict[str, Ints]:
    """Records for each kind of change; none has two kinds."""
    there = rng.permutation(np.flatnonzero(filings.tick == 0))
    share = rates.changes
    sizes = {name: int(getattr(share, name) * len(there) + 0.5) for name in ("update", "revert", "delete")}
    bounds = np.cumsum([0, *sizes.values()])
    groups = {name: there[begin:end] for name, begin, end in zip(sizes, bounds[:-1], bounds[1:], strict=True)}
    rest = there[bounds[-1] :]
    events = filings.department[rest] == rates.department_codes.index("emergency_management")
    groups["resend"] = rest[chance(rng, np.where(events, max(share.resend, 1 / 12), share.resend), len(rest))]
    return groups


def _ticks(rng: Random, rows: Ints, last: int = TICKS) -> Ints:
    return rng.integers(1, last + 1, len(rows))


def _rows(
    records: pl.DataFrame, rows: Ints, tick: Ints, kind: str, field: str | None = None, value: pl.Series | None = None
) -> pl.DataFrame:
    """One change a record."""
    empty = pl.Series([None] * len(rows), dtype=pl.String)
    return pl.DataFrame(
        {
            "tick": pl.Series(tick, dtype=pl.Int32),
            "department": records["department"].gather(rows),
            "source_record_id": records["source_record_id"].gather(rows),
            "kind": pl.Series([kind] * len(rows), dtype=pl.String),
            "field": pl.Series([field] * len(rows), dtype=pl.String),
            "value": empty if value is None else value.cast(pl.String),
        },
        schema=_SCHEMA,
    )


def _updates(rng: Random, filings: Filings, records: pl.DataFrame, rows: Ints) -> list[pl.DataFrame]:
    """A case moves on: its status with the time of it, its grade, or its text; the sum now and then."""
    which = rng.random(len(rows))
    tick = _ticks(rng, rows)
    open_ = filings.status[rows] < 5
    moves = open_ & (which < 0.75)
    texts = ~moves & (which < 0.55)
    grades = ~moves & ~texts & (which < 0.9)
    sums = ~moves & ~texts & ~grades
    status = np.array(_STATUS_CHAIN)[filings.status[rows]]
    parts = [_rows(records, rows[moves], tick[moves], "update", "status", pick(strings(STATUS), status[moves]))]
    moment = times(NOW + tick * SECONDS_A_DAY - 900 - rng.integers(0, 3600 * 12, len(rows))).dt.strftime(_ISO)
    for field in ("accepted_at", "resolved_at", "confirmed_at", "fed_back_at"):
        at = np.flatnonzero(moves & (np.array(_STAGES)[status] == field))
        at = at[records[field].gather(rows[at]).is_null().to_numpy()]
        parts.append(_rows(records, rows[at], tick[at], "update", field, moment.gather(at)))
    grade = (filings.grade[rows] + 1) % 3
    parts.append(_rows(records, rows[grades], tick[grades], "update", "grade", pick(strings(GRADES), grade[grades])))
    told = moved_on(rng, records["text"].gather(rows[texts]))
    parts.append(_rows(records, rows[texts], tick[texts], "update", "text", told))
    amount = np.round(np.nan_to_num(filings.amount[rows[sums]], nan=1000.0) * 1.1, 2)
    return [*parts, _rows(records, rows[sums], tick[sums], "update", "amount", _decimals(amount))]


def _decimals(amount: Floats) -> pl.Series:
    return pl.select(pl.Series(amount).cast(pl.Decimal(18, 2)).cast(pl.String)).to_series()


def _reverts(rng: Random, filings: Filings, records: pl.DataFrame, rows: Ints) -> list[pl.DataFrame]:
    """A value goes from A to B at one tick (an update) and back to A at the next (a revert)."""
    tick = _ticks(rng, rows, TICKS - 1)
    grade = filings.grade[rows]
    other = pick(strings(GRADES), (grade + 1 + rng.integers(0, 2, len(rows))) % 3)
    return [
        _rows(records, rows, tick, "update", "grade", other),
        _rows(records, rows, tick + 1, "revert", "grade", pick(strings(GRADES), grade)),
    ]
