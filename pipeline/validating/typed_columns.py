"""Payload columns as numbers or times, for the expectations that compare sizes: "9" is not above "10".

A column that the contract maps through a transform of figures or times is read by that transform; any other as a number,
or as a time where the rule's bounds are times.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from connectors.contract import Contract
from connectors.feed import Expectation
from connectors.mapping import Mapping
from pipeline.columns.payloads import as_text
from pipeline.columns.transforms import TRANSFORMS, Options

if TYPE_CHECKING:
    import pandas as pd

_BOUNDS = ("min_value", "max_value")
_COMPARING = frozenset(
    f"expect_column_{rule}"
    for rule in (
        "values_to_be_between",
        "values_to_be_increasing",
        "values_to_be_decreasing",
        "value_z_scores_to_be_less_than",
        "max_to_be_between",
        "min_to_be_between",
        "mean_to_be_between",
        "median_to_be_between",
        "stdev_to_be_between",
        "sum_to_be_between",
        "quantile_values_to_be_between",
        "pair_values_a_to_be_greater_than_b",
    )
) | {"expect_multicolumn_sum_to_equal", "expect_date_order"}
_TIMES = frozenset({"datetime", "date", "excel_date", "epoch"})
_FIGURES = frozenset({"money", "integer", "decimal", "longitude", "latitude"})
# An unreadable value must fail a rule about bounds, not pass as missing: it lies beyond the bound that there is.
_BELOW: dict[str, Any] = {"number": float("-inf"), "time": datetime.datetime(1700, 1, 1)}  # noqa: DTZ001 - columns are local time
_ABOVE: dict[str, Any] = {"number": float("inf"), "time": datetime.datetime(2250, 1, 1)}  # noqa: DTZ001 - as above


@dataclass(frozen=True)
class TypedColumn:
    """A column read as numbers or times, under a key of its own beside the text.

    Attributes:
        name: the source column.
        kind: number or time.
        unreadable: what stands for a value that cannot be read: "below", "above", or "null" where no bound asks.
    """

    name: str
    kind: str
    unreadable: str

    @property
    def key(self) -> str:
        """The frame's name for it; the unit separator cannot stand in a source's name."""
        return f"{self.name}\x1f{self.kind}\x1f{self.unreadable}"


def typed_columns(contract: Contract, expectation: Expectation) -> list[TypedColumn]:
    """The columns that a rule needs as numbers or times; none for rules about text."""
    if expectation.type not in _COMPARING:
        return []
    bounds = [expectation.kwargs[name] for name in _BOUNDS if expectation.kwargs.get(name) is not None]
    if any(isinstance(bound, str) and _local_time(bound) is None for bound in bounds):
        return []  # bounds of words: Great Expectations refuses them
    unreadable = "null"
    if expectation.type == "expect_column_values_to_be_between":
        unreadable = "below" if expectation.kwargs.get("min_value") is not None else "above"
    is_order = expectation.type == "expect_date_order"
    return [TypedColumn(name, "time" if is_order else _kind(contract, name, bounds), unreadable) for name in expectation.columns]


def with_typed(contract: Contract, frame: pd.DataFrame, columns: Iterable[TypedColumn]) -> pd.DataFrame:
    """The frame with typed columns beside the text, and null columns for those that it lacks."""
    import pandas as pd

    added: dict[str, Any] = {}
    for column in columns:
        if column.key not in added:
            text = pl.from_pandas(frame[column.name]).cast(pl.String) if column.name in frame else _nulls(len(frame))
            added[column.key] = _read(contract, column, text).to_pandas()
    tested = {name for expectation in contract.expectations for name in expectation.columns}
    for name in sorted(tested - set(frame.columns)):
        added[name] = _nulls(len(frame)).to_pandas()
    return pd.concat([frame, pd.DataFrame(added, index=frame.index)], axis=1) if added else frame


def as_written(expectation: Expectation) -> dict[str, Any]:
    """Great Expectations' arguments: values as payload text shows them, bounds that are times as local times."""
    kwargs = dict(expectation.kwargs)
    for name in ("value_set", "value_pairs_set"):
        if isinstance(kwargs.get(name), (list, tuple)):
            kwargs[name] = [tuple(map(as_text, value)) if isinstance(value, (list, tuple)) else as_text(value) for value in kwargs[name]]
    for name in _BOUNDS:
        if isinstance(kwargs.get(name), (str, datetime.date)):
            # As a date alone Great Expectations would compare it to nothing.
            kwargs[name] = _local_time(str(kwargs[name])) or kwargs[name]
    return kwargs


def _read(contract: Contract, column: TypedColumn, text: pl.Series) -> pl.Series:
    mapping = _mapping(contract, column.name)
    fitting = _TIMES if column.kind == "time" else _FIGURES
    if mapping is not None and mapping.as_ in fitting:
        read = TRANSFORMS[mapping.as_](text, Options(contract.timezone, mapping.formats, mapping.unit))
    else:
        read = TRANSFORMS["datetime" if column.kind == "time" else "decimal"](text, Options(contract.timezone))
    values = read.values
    if column.kind == "number":
        values = values.cast(pl.Float64)
    elif values.dtype == pl.Date:
        values = values.cast(pl.Datetime("us"))
    else:
        values = values.dt.convert_time_zone(contract.timezone).dt.replace_time_zone(None)
    if column.unreadable != "null" and read.refused.any():
        values = values.set(read.refused, (_BELOW if column.unreadable == "below" else _ABOVE)[column.kind])
    # Great Expectations compares vectors of nanoseconds alone.
    return values.cast(pl.Datetime("ns")) if column.kind == "time" else values


def _kind(contract: Contract, name: str, bounds: list[Any]) -> str:
    if bounds:
        return "time" if any(isinstance(bound, (str, datetime.date)) for bound in bounds) else "number"
    mapping = _mapping(contract, name)
    return "time" if mapping is not None and mapping.as_ in _TIMES else "number"


def _mapping(contract: Contract, name: str) -> Mapping | None:
    """The first mapping that is made of this column alone."""
    return next((mapping for _, mapping in contract.mappings() if mapping.from_ == (name,)), None)


def _local_time(bound: str) -> datetime.datetime | None:
    read: datetime.datetime | None = TRANSFORMS["datetime"](pl.Series([bound]), Options("UTC")).values.dt.replace_time_zone(None)[0]
    return read


def _nulls(length: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, length)
