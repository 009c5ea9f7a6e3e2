"""What each department holds at each tick: the world's records, and then what is added, changed, deleted or sent again.

Tick 0 is the first pull, tick t is t days later. Nothing here asks the clock: a record states itself when it last changed,
and what changes at a tick changes shortly before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from schema import codes
from simulator.filings import NOW

if TYPE_CHECKING:
    from simulator.world import World

_TIME = pl.Datetime("us", "UTC")
_FIRST_PULL = datetime.fromtimestamp(NOW, UTC)
#: Change numbers of a tick begin at this times the tick; at tick 0 they are the world's row numbers.
NUMBERS_A_TICK = 100_000_000
#: Days until a case should be settled, by its grade.
_DAYS_DUE = {"red": 1, "yellow": 5, "green": 15}


@dataclass(frozen=True)
class Step:
    """What a department must take in to be at a tick.

    Args:
        records: new and changed ones; beside the world's columns `change_number`, `is_new`, `is_deleted` and what `derived` adds.
        parties: of those records.
        gone: source_record_ids that were deleted.
        again: records that are sent once more as they were.
    """

    records: pl.DataFrame
    parties: pl.DataFrame
    gone: Sequence[str] = ()
    again: pl.DataFrame = field(default_factory=pl.DataFrame)


class Timeline:
    """The world as its departments come to know it.

    Args:
        world: records, parties and changes, with their ticks.
        keeps_deleted: departments that show a deleted record still, flagged; it moves their watermark on.
    """

    def __init__(self, world: World, keeps_deleted: frozenset[str] = frozenset()) -> None:
        records = world.records
        self._changes = world.changes
        later = pl.concat([records.filter(pl.col("tick") > 0)["source_record_id"], world.changes["source_record_id"]]).unique()
        self._first: pl.DataFrame | None = records.filter(pl.col("tick") == 0)
        self._first_parties: pl.DataFrame | None = world.parties
        self._now = records.filter(pl.col("source_record_id").is_in(later.implode()))
        self._parties = world.parties.filter(pl.col("row").is_in(self._now["row"].implode()))
        self._keeps_deleted = keeps_deleted
        self._marks = _highest(records)
        self._high: dict[str, datetime] = {}

    def first(self, department: str) -> Step:
        """What is there at tick 0."""
        if self._first is None or self._first_parties is None:
            raise ValueError("the world has been let go of")
        records = self._first.filter(pl.col("department") == department).with_columns(_as_at_first())
        self._raise_high(records)
        return Step(derived(records), _parties_of(self._first_parties, records))

    def let_go(self) -> None:
        """Forget tick 0, which is most of the world."""
        self._first = self._first_parties = None

    def step(self, department: str, tick: int) -> Step:
        """What comes at a tick; ticks are asked for in their order.

        A record committed late lies as far behind the department's watermark as the world says.
        """
        changes = self._changes.filter((pl.col("department") == department) & (pl.col("tick") == tick))
        mine = self._now.filter(pl.col("department") == department)
        gone = changes.filter(pl.col("kind") == "delete")["source_record_id"].to_list()
        changed = _applied(_named(mine, changes, "update", "revert", "delete"), changes.filter(pl.col("kind").is_in(["update", "revert"])))
        changed = self._dated(changed, tick, gone)
        self._remember(changed)
        again = _named(mine, changes, "resend").with_columns(_as_at_first())
        appears = mine.filter(pl.col("tick") == tick)
        tardy = _named(appears, changes, "late")
        fresh = appears.join(tardy.select("row"), on="row", how="anti", maintain_order="left").with_columns(
            change_number=pl.col("row") + NUMBERS_A_TICK * tick, is_new=pl.lit(value=True), is_deleted=pl.lit(value=False)
        )
        tardy = self._late(tardy, department, tick).with_columns(_as_at_first())
        is_shown = pl.lit(value=department in self._keeps_deleted) | ~pl.col("is_deleted")
        for frame in (changed.filter(is_shown), fresh):
            self._raise_high(frame)
        records = pl.concat([frame.select(changed.columns) for frame in (changed, fresh, tardy)])
        return Step(derived(records), _parties_of(self._parties, pl.concat([records, again.select(records.columns)])), gone, derived(again))

    def touched(self, step: Step, tick: int) -> Step:
        """The same step with what is sent again as rows whose time of change moves on and nothing else."""
        again = self._dated(step.again, tick, ())
        self._raise_high(again)
        return replace(step, records=pl.concat([step.records, again.select(step.records.columns)]), again=again.clear())

    def _dated(self, changed: pl.DataFrame, tick: int, gone: Sequence[str]) -> pl.DataFrame:
        """Changes of a tick come one after the other in the hour before it."""
        begins = _FIRST_PULL + timedelta(days=tick, hours=-1)
        turn = pl.duration(seconds=pl.int_range(pl.len()) % 3000)
        return changed.with_columns(
            (pl.lit(begins, dtype=_TIME) + turn).alias("updated_at"),
            change_number=pl.col("row") + NUMBERS_A_TICK * tick,
            is_new=pl.lit(value=False),
            is_deleted=pl.col("source_record_id").is_in(list(gone)),
        )

    def _late(self, tardy: pl.DataFrame, department: str, tick: int) -> pl.DataFrame:
        """The world counts from the watermark that records alone would have left; changes may have moved it on."""
        mark = self._marks.filter((pl.col("department") == department) & (pl.col("tick") < tick))["updated_at"].max()
        if not isinstance(mark, datetime):  # it had no record: there is no watermark to be behind
            return tardy
        return tardy.with_columns(pl.col("updated_at") + (self._high[department] - mark))

    def _remember(self, changed: pl.DataFrame) -> None:
        kept = self._now.filter(~pl.col("source_record_id").is_in(changed["source_record_id"].implode()))
        self._now = pl.concat([kept, changed.select(self._now.columns)])

    def _raise_high(self, records: pl.DataFrame) -> None:
        for department, highest in records.group_by("department").agg(pl.col("updated_at").max()).iter_rows():
            self._high[department] = max(highest, self._high.get(department, highest))


def derived(records: pl.DataFrame) -> pl.DataFrame:
    """Columns that departments show and the world need not keep: names of places, orders, deadlines."""
    streets, communities = codes.streets(), codes.communities()
    due = pl.col("grade").replace_strict(_DAYS_DUE, default=15, return_dtype=pl.Int64)
    ordered = pl.col("accepted_at") + pl.duration(minutes=pl.col("row") % 25)
    report_in = ordered + pl.duration(minutes=pl.col("row") % 90 + 3)
    return records.with_columns(
        pl.col("street").replace_strict(streets, default=None, return_dtype=pl.String).alias("street_name"),
        pl.col("community").replace_strict(communities, default=None, return_dtype=pl.String).alias("community_name"),
        pl.col("reported_at").alias("found_at"),
        (pl.col("reported_at") + pl.duration(days=due)).alias("due_at"),
        ordered.alias("ordered_at"),
        pl.when(report_in <= _FIRST_PULL).then(report_in).alias("reported_in_at"),
    )


def _as_at_first() -> list[pl.Expr]:
    return [
        pl.col("row").cast(pl.Int64).alias("change_number"),
        pl.lit(value=True).alias("is_new"),
        pl.lit(value=False).alias("is_deleted"),
    ]


def _named(records: pl.DataFrame, changes: pl.DataFrame, *kinds: str) -> pl.DataFrame:
    """Records that changes of these kinds name."""
    named = changes.filter(pl.col("kind").is_in(list(kinds))).select("source_record_id").unique()
    return records.join(named, on="source_record_id", how="semi", maintain_order="left")


def _highest(records: pl.DataFrame) -> pl.DataFrame:
    """The highest time of change of each department's records that come at each tick, those committed late left out."""
    return records.filter(~pl.col("is_late")).group_by("department", "tick").agg(pl.col("updated_at").max())


def _parties_of(parties: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    return parties.join(records.select("row"), on="row", how="semi", maintain_order="left")


def _applied(records: pl.DataFrame, changes: pl.DataFrame) -> pl.DataFrame:
    """Records with the new values of their fields."""
    for (changed,), values in changes.partition_by("field", as_dict=True).items():
        name, dtype = str(changed), records.schema[str(changed)]
        text = pl.col("value").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC") if dtype == _TIME else pl.col("value")
        last = values.unique("source_record_id", keep="last").select("source_record_id", text.cast(dtype).alias("new"), has_new=True)
        records = (
            records.join(last, on="source_record_id", how="left", maintain_order="left")
            .with_columns(pl.when(pl.col("has_new")).then("new").otherwise(name).alias(name))
            .drop("new", "has_new")
        )
    return records
