"""The `visibility:`, `feed:`, `volume:`, `drift:` and `expectations:` parts of a contract: what the source promises, and what if not."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool, field_validator, model_validator

from connectors.connector import Pattern
from connectors.document import did_you_mean
from connectors.mapping import Condition, Deleted
from connectors.model import Duration, Positive, Strict, Text, Whole, refuse
from connectors.words import BATCH_EXPECTATIONS, EXPECTATIONS

#: More often no sweep is asked for: the cron lines of `sweep_cron` are hours apart.
SHORTEST_SWEEP = timedelta(hours=1)
_NIGHT = 2

DriftAction = Literal["land_and_alert", "quarantine", "halt"]


class Visibility(Strict):
    """Who may see a record: shared, restricted (acknowledged, not shown) or sealed (not even acknowledged)."""

    default: Literal["shared", "restricted", "sealed"] = "shared"
    sealed_when: Condition | None = None
    restricted_when: Condition | None = None


class CursorFeed(Strict):
    """Rows after a watermark."""

    mode: Literal["cursor"]
    field: Text = Field(description="Source column whose value grows with every change.")
    cursor_type: Literal["time", "integer", "text"] = "time"
    lag: Duration = Field(timedelta(0), description="How far behind the watermark the next pull begins, for rows committed late.")
    reconcile: Duration | None = Field(None, description="How often all keys and hashes are swept; PT1H at the least.")
    ordered: StrictBool = Field(False, description="Rows come in cursor order, so that each page moves the watermark; sql: always true.")
    deleted: Deleted | None = None

    @field_validator("reconcile")
    @classmethod
    def _at_most_hourly(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < SHORTEST_SWEEP:
            raise refuse(
                "短于一小时：对账会读取来源的全部数据 · is shorter than an hour: a sweep asks for everything the source holds",
                remedy="写 PT1H 或更长，通常写 P1D · write PT1H or longer, P1D as a rule",
            )
        return value

    @model_validator(mode="after")
    def _lag_is_for_times(self) -> CursorFeed:
        if self.lag and self.cursor_type != "time":
            raise refuse(
                "lag 仅适用于时间游标 · lag is for time cursors alone",
                remedy="去掉 lag，或写 cursor_type: time · remove lag, or say cursor_type: time",
            )
        return self


def sweep_cron(department: str, every: timedelta) -> str:
    """A cron line that fires at least as often as asked: hours apart, or at night, at a minute of the department's own."""
    minute = sum(department.encode()) % 60  # hash() differs from process to process
    if every < timedelta(days=1):
        return f"{minute} */{max(1, int(every / timedelta(hours=1)))} * * *"
    if every < timedelta(days=7):
        return f"{minute} {_NIGHT} * * *"
    return f"{minute} {_NIGHT} * * 0"


class Complete(Strict):
    """How a snapshot shows that it is whole."""

    trailer_count: StrictBool | Pattern = Field(
        description="true: the first group of fixed_width.trailer is the number of rows; or a regular expression for the last line."
    )


class SnapshotFeed(Strict):
    """Everything, each time; absence deletes."""

    mode: Literal["snapshot"]
    max_vanished: Annotated[float, Field(ge=0, le=1)] = Field(0.2, description="Share of known rows that may vanish at once.")
    complete: Complete | None = None
    deleted: Deleted | None = None


class EventsFeed(Strict):
    """Events, at least once, idempotent by their id."""

    mode: Literal["events"]
    order: Text | None = Field(
        None, description="JMESPath to an event's time or number: one that comes late, below what landed, does not become current."
    )
    deleted: Deleted | None = None


Feed = Annotated[CursorFeed | SnapshotFeed | EventsFeed, Field(discriminator="mode")]


class Volume(Strict):
    """How many rows are healthy."""

    min: Whole | None = None
    max: Positive | None = None
    per: Duration = timedelta(days=1)

    @model_validator(mode="after")
    def _ordered(self) -> Volume:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise refuse(
                "min 大于 max · min is above max",
                remedy="min 约为正常行数的 80%，max 约为两倍 · min ≈ 80 % of a healthy run, max ≈ twice it",
            )
        return self


class Drift(Strict):
    """What happens when the source's columns change."""

    new_column: DriftAction = "land_and_alert"
    missing_column: DriftAction = "quarantine"
    retyped_column: DriftAction = "quarantine"


class Expectation(Strict):
    """One expectation of Great Expectations or of the hub, and what a failure does."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    type: Text
    column: Text | None = None
    on_failure: Literal["warn", "quarantine", "halt"]

    @model_validator(mode="after")
    def _known(self) -> Expectation:
        if self.type not in EXPECTATIONS:
            raise refuse(
                f"{self.type!r} 不是校验规则 · {self.type!r} is no expectation",
                remedy=did_you_mean(self.type, tuple(EXPECTATIONS)),
                allowed=tuple(EXPECTATIONS),
                at=("type",),
            )
        takes = EXPECTATIONS[self.type]
        unknown = sorted(set(self.kwargs) - takes)
        if unknown:
            raise refuse(
                f"{self.type} 没有参数 {unknown[0]} · {self.type} takes no {unknown[0]}",
                remedy=did_you_mean(unknown[0], tuple(sorted(takes))),
                allowed=tuple(sorted(takes)),
                at=(unknown[0],),
            )
        needs = sorted(({"column", "column_A", "column_B", "column_list"} & takes) - set(self.kwargs))
        if needs and not (self.type == "expect_column_to_exist"):
            raise refuse(
                f"{self.type} 须有 {needs[0]} · {self.type} needs {needs[0]}",
                remedy=f"加上 {needs[0]}: <来源的列> · add {needs[0]}: <source column>",
            )
        if self.on_failure == "quarantine" and self.type in BATCH_EXPECTATIONS:
            raise refuse(
                f"{self.type} 针对整个批次，没有可隔离的行 · {self.type} judges the batch, there is no row to quarantine",
                remedy="写 on_failure: warn 或 halt · say on_failure: warn or halt",
                allowed=("warn", "halt"),
                at=("on_failure",),
            )
        return self

    @property
    def kwargs(self) -> dict[str, Any]:
        """Great Expectations' own arguments, the column included."""
        extra = dict(self.model_extra or {})
        return {"column": self.column, **extra} if self.column is not None else extra

    @property
    def columns(self) -> tuple[str, ...]:
        """Source columns it looks at."""
        named = [self.kwargs.get(name) for name in ("column", "column_A", "column_B")]
        listed = self.kwargs.get("column_list") or ()
        return tuple(str(name) for name in (*named, *listed) if name is not None)
