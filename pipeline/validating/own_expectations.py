"""The hub's own expectations, in Great Expectations' form: identity numbers, credit codes, phones, divisions, order of dates.

Importing this imports Great Expectations: `great_expectations_run` does so when there is something to judge. The classes'
names are the contract's words in camel case; defining a class registers it. Checks see payload text and work on whole
columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import polars as pl
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation, ColumnPairMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import column_condition_partial
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import ColumnMapMetricProvider
from great_expectations.expectations.metrics.map_metric_provider.column_pair_condition_partial import column_pair_condition_partial
from great_expectations.expectations.metrics.map_metric_provider.column_pair_map_metric_provider import ColumnPairMapMetricProvider
from great_expectations.render.components import LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer

from pipeline.columns import checks
from pipeline.columns.transforms import Options
from pipeline.columns.transforms.base import on_distinct
from pipeline.columns.transforms.identifiers import bare, id_types
from pipeline.columns.transforms.times import moment


def _hold(column: pd.Series[Any], check: Callable[[pl.Series], pl.Series]) -> pd.Series[Any]:
    """`check` of each distinct value, as pandas wants it; what a check cannot judge does not hold."""
    verdict = on_distinct(pl.from_pandas(column).cast(pl.String), check).fill_null(value=False)
    return pd.Series(verdict.to_numpy(), index=column.index, dtype=np.bool_)


def id_number_holds(values: pl.Series) -> pl.Series:
    """A resident number holds by its check digit and date, another document by its shape."""
    numbers = bare(values)
    types = id_types(numbers)
    return pl.Series((types != "resident_id").fill_null(value=False)) | checks.id_number_checksum(numbers).fill_null(value=False)


def credit_code_holds(values: pl.Series) -> pl.Series:
    """A credit code holds by its check character, a code that it replaced by its shape."""
    codes = bare(values)
    is_old = codes.str.contains(r"^(?:[0-9]{15}|[0-9A-Z]{9})$").fill_null(value=False)
    return is_old | checks.credit_code_checksum(codes).fill_null(value=False)


def phone_holds(values: pl.Series) -> pl.Series:
    """A number that can be dialled in China; a masked one cannot."""
    return checks.phone_number(values.str.normalize("NFKC").str.strip_chars())


def region_holds(values: pl.Series) -> pl.Series:
    """A division code of the district, present or former."""
    return checks.region_code(values.str.normalize("NFKC").str.strip_chars())


class _IdNumberChecksum(ColumnMapMetricProvider):
    condition_metric_name = "column_values.id_number_checksum"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[Any], **_: Any) -> pd.Series[Any]:
        return _hold(column, id_number_holds)


class _CreditCodeChecksum(ColumnMapMetricProvider):
    condition_metric_name = "column_values.credit_code_checksum"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[Any], **_: Any) -> pd.Series[Any]:
        return _hold(column, credit_code_holds)


class _PhoneNumber(ColumnMapMetricProvider):
    condition_metric_name = "column_values.phone_number"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[Any], **_: Any) -> pd.Series[Any]:
        return _hold(column, phone_holds)


class _RegionCode(ColumnMapMetricProvider):
    condition_metric_name = "column_values.region_code"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[Any], **_: Any) -> pd.Series[Any]:
        return _hold(column, region_holds)


class _DateOrder(ColumnPairMapMetricProvider):
    condition_metric_name = "column_pair_values.date_order"
    condition_domain_keys = ("batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser", "ignore_row_if")
    condition_value_keys = ("or_equal",)

    @column_pair_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_A: pd.Series[Any], column_B: pd.Series[Any], **kwargs: Any) -> pd.Series[Any]:
        later, earlier = (_moments(column) for column in (column_A, column_B))
        holds = later >= earlier if kwargs.get("or_equal") else later > earlier
        return pd.Series(holds.fill_null(value=False).to_numpy(), index=column_A.index, dtype=np.bool_)


def _moments(column: pd.Series[Any]) -> pl.Series:
    """Times as the contract read them, or text read here."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return pl.from_pandas(column)
    return moment(pl.from_pandas(column).cast(pl.String), Options()).values


class _Worded:
    """What Data Docs say of an expectation: its `words`, with its own arguments in them."""

    words: ClassVar[str]

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: Any = None, **_: Any
    ) -> list[RenderedStringTemplateContent]:
        params = configuration.kwargs if configuration is not None else {}
        template = {"template": cls.words, "params": params, "styling": (runtime_configuration or {}).get("styling")}
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template=template)]


class ExpectIdNumberChecksum(_Worded, ColumnMapExpectation):
    """Expect identity numbers to hold: check digit and date (GB 11643); passports and permits by their shape."""

    words: ClassVar[str] = "values must be identity numbers whose check digit and date hold (GB 11643)."
    map_metric = "column_values.id_number_checksum"


class ExpectCreditCodeChecksum(_Worded, ColumnMapExpectation):
    """Expect unified social credit codes to hold by their check character (GB 32100)."""

    words: ClassVar[str] = "values must be unified social credit codes whose check character holds (GB 32100)."
    map_metric = "column_values.credit_code_checksum"


class ExpectPhoneNumber(_Worded, ColumnMapExpectation):
    """Expect numbers that can be dialled in China."""

    words: ClassVar[str] = "values must be telephone numbers that can be dialled in China."
    map_metric = "column_values.phone_number"


class ExpectRegionCode(_Worded, ColumnMapExpectation):
    """Expect division codes of the district, present or former."""

    words: ClassVar[str] = "values must be division codes of the district, present or former."
    map_metric = "column_values.region_code"


class ExpectDateOrder(_Worded, ColumnPairMapExpectation):
    """Expect the time in column A to be after the one in column B, in whatever form each is written."""

    or_equal: bool | None = None
    ignore_row_if: Literal["both_values_are_missing", "either_value_is_missing", "neither"] = "either_value_is_missing"

    words: ClassVar[str] = "times in $column_A must not be before those in $column_B."
    map_metric = "column_pair_values.date_order"
    success_keys = ("column_A", "column_B", "ignore_row_if", "or_equal", "mostly")
    args_keys = ("column_A", "column_B", "or_equal")
