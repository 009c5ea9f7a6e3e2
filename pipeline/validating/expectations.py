"""Contract → Great Expectations suite, and its run over payloads: counts and row positions come out, never a value.

Used by VALIDATE. Great Expectations costs seconds to import, so only `suite` and `run` do it. The frame holds payload
columns as text; a rule that compares sizes or times gets its columns read as the contract reads them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from connectors.contract import Contract
from connectors.feed import Expectation
from connectors.words import BATCH_EXPECTATIONS
from hub.errors import ContractError
from hub.wording import Words
from pipeline.columns.payloads import Payloads
from pipeline.validating.great_expectations_run import great_expectations, validate
from pipeline.validating.typed_columns import TypedColumn, as_written, typed_columns, with_typed

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite
    from great_expectations.core import ExpectationValidationResult

CHUNK_ROWS = 50_000
Part = Literal["rows", "batch", "over_rows", "whole", "all"]

#: Rules about rows that need all rows of the batch at once.
_OVER_ROWS = frozenset(
    {
        "expect_column_values_to_be_unique",
        "expect_compound_columns_to_be_unique",
        "expect_column_values_to_be_increasing",
        "expect_column_values_to_be_decreasing",
        "expect_column_value_z_scores_to_be_less_than",
    }
)
#: Rules about which columns there are.
_OVER_COLUMNS = frozenset(
    {
        "expect_column_to_exist",
        "expect_table_column_count_to_be_between",
        "expect_table_column_count_to_equal",
        "expect_table_columns_to_match_ordered_list",
        "expect_table_columns_to_match_set",
    }
)
_OWN_COLUMNS = "source columns"  # of a frame: those that its rows have themselves
_COUNTS: dict[str, Any] = {"result_format": "BASIC", "partial_unexpected_count": 0, "exclude_unexpected_values": True}
# Without unexpected_index_column_names the list is the frame's own positions: as plain integers it costs nothing.
_POSITIONS: dict[str, Any] = {
    "result_format": "COMPLETE",
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
}


@dataclass(frozen=True)
class Finding:
    """What one rule says of a batch or chunk.

    Attributes:
        rule: the expectation's type.
        column: the source column, several joined by a comma, or None where the rule is about the table.
        on_failure: warn, quarantine or halt.
        evaluated: rows looked at (nulls are not, except by rules about nulls); 1 for a rule about the batch.
        failed: rows that fail; 0 where the rule as a whole succeeds (`mostly`); 0 or 1 for a rule about the batch.
        row_indexes: positions in the frame of failing rows, for warn and quarantine rules about rows.
    """

    rule: str
    column: str | None
    on_failure: str
    evaluated: int
    failed: int
    row_indexes: list[int] = field(default_factory=list)


def suite(contract: Contract) -> ExpectationSuite:
    """The contract's expectations as a Great Expectations suite, under the source's own column names.

    Raises:
        ContractError: an expectation's arguments are not of its kind.
    """
    gx = great_expectations()
    built: ExpectationSuite = gx.ExpectationSuite(
        name=contract.department,
        expectations=[_built(expectation, as_written(expectation), place) for place, expectation in enumerate(contract.expectations)],
    )
    return built


def has_rules(contract: Contract, part: Part) -> bool:
    """Whether a contract has rules of a part, as in `run`."""
    return any(_is_of(expectation, part) for expectation in contract.expectations)


def frame_of(contract: Contract, rows: Sequence[Mapping[str, Any]], part: Part = "all") -> pd.DataFrame:
    """The columns that the contract's expectations look at, as text, one row a payload.

    Args:
        contract: of the department.
        rows: decoded payloads.
        part: of which rules, as in `run`.
    """
    source = Payloads(rows)
    wanted = [expectation for expectation in contract.expectations if _is_of(expectation, part)]
    names = dict.fromkeys(name for expectation in wanted for name in expectation.columns if expectation.type not in _OVER_COLUMNS)
    own = list(dict.fromkeys(name for row in rows for name in row)) if any(each.type in _OVER_COLUMNS for each in wanted) else []
    names |= dict.fromkeys(own)
    frame = pl.DataFrame({name: source.column(name) for name in names} or {"": [None] * len(rows)}).to_pandas()
    frame.attrs[_OWN_COLUMNS] = own
    return frame


def run(contract: Contract, frame: pd.DataFrame, part: Part = "all") -> list[Finding]:
    """Judge rows by the contract's expectations.

    Args:
        contract: of the department.
        frame: as `frame_of` makes it; columns that it lacks count as null. Its index is replaced by positions.
        part: "rows" for rules that judge each row by itself (any slice of the batch will do), "batch" for those that
            need the whole of it: "over_rows", which compare rows, and "whole", about the batch; "all" where the frame is it.

    Raises:
        ContractError: an expectation cannot be evaluated; names its type and column.
    """
    checks = [_Check(place, expectation) for place, expectation in enumerate(contract.expectations) if _is_of(expectation, part)]
    if not checks or not len(frame):
        return []
    given = frame.reset_index(drop=True)
    frame = with_typed(contract, given, [column for check in checks for column in check.typed(contract)])
    shape = given[given.attrs[_OWN_COLUMNS]] if _OWN_COLUMNS in given.attrs else given
    over_columns = [check for check in checks if check.expectation.type in _OVER_COLUMNS]
    # A small batch is one slice: every call of Great Expectations costs some hundredths of a second whatever it judges.
    over_all = [check for check in checks if check not in over_columns and (_needs_all(check.expectation) or len(frame) <= CHUNK_ROWS)]
    by_row = [check for check in checks if check not in over_columns and check not in over_all]
    slices = [(by_row, frame.iloc[start : start + CHUNK_ROWS]) for start in range(0, len(frame), CHUNK_ROWS)]
    found: dict[int, list[Finding]] = {check.place: [] for check in checks}
    for judged, rows in [*slices, (over_all, frame), (over_columns, shape)]:
        for place, finding in _judge(contract, judged, rows) if judged else ():
            found[place].append(finding)
    return [_summed(findings) for findings in found.values()]


@dataclass(frozen=True)
class _Check:
    place: int
    expectation: Expectation

    def typed(self, contract: Contract) -> list[TypedColumn]:
        return typed_columns(contract, self.expectation)

    @property
    def is_about_rows(self) -> bool:
        return self.expectation.type not in BATCH_EXPECTATIONS

    def built(self, contract: Contract) -> Any:
        kwargs = as_written(self.expectation)
        renamed = {column.name: column.key for column in self.typed(contract)}
        for argument in ("column", "column_A", "column_B"):
            if argument in kwargs:
                kwargs[argument] = renamed.get(kwargs[argument], kwargs[argument])
        if self.expectation.type == "expect_multicolumn_sum_to_equal":
            kwargs["column_list"] = [renamed[name] for name in kwargs["column_list"]]
        return _built(self.expectation, kwargs, self.place, for_counts=True)


def _is_of(expectation: Expectation, part: Part) -> bool:
    if part in ("over_rows", "whole"):
        return _needs_all(expectation) and (part == "over_rows") == (expectation.type in _OVER_ROWS)
    return part == "all" or (part == "batch") == _needs_all(expectation)


def _needs_all(expectation: Expectation) -> bool:
    return expectation.type in BATCH_EXPECTATIONS or expectation.type in _OVER_ROWS


def _judge(contract: Contract, checks: list[_Check], frame: pd.DataFrame) -> list[tuple[int, Finding]]:
    """First pass without row positions; second for the rules that failed and want them."""
    results = _validated(contract, checks, frame, _COUNTS)
    failed = [
        check for check in checks if check.is_about_rows and check.expectation.on_failure != "halt" and not results[check.place].success
    ]
    positions = _validated(contract, failed, frame, _POSITIONS) if failed else {}
    return [(check.place, _finding(check, results[check.place], positions.get(check.place))) for check in checks]


def _finding(check: _Check, result: ExpectationValidationResult, positions: ExpectationValidationResult | None) -> Finding:
    expectation, counts = check.expectation, result.result
    evaluated, failed = 1, 0 if result.success else 1
    if check.is_about_rows:
        evaluated = counts.get("element_count", 0) - (counts.get("missing_count") or 0)
        failed = 0 if result.success else counts.get("unexpected_count", 0)
    rows = positions.result.get("unexpected_index_list") or [] if positions is not None else []
    return Finding(
        expectation.type, ", ".join(expectation.columns) or None, expectation.on_failure, evaluated, failed, [int(row) for row in rows]
    )


def _summed(findings: list[Finding]) -> Finding:
    first = findings[0]
    if len(findings) == 1:
        return first
    rows = [row for finding in findings for row in finding.row_indexes]
    evaluated, failed = (sum(getattr(finding, name) for finding in findings) for name in ("evaluated", "failed"))
    return Finding(first.rule, first.column, first.on_failure, evaluated, failed, rows)


def _validated(
    contract: Contract, checks: list[_Check], frame: pd.DataFrame, result_format: dict[str, Any]
) -> dict[int, ExpectationValidationResult]:
    great_expectations()
    results: dict[int, ExpectationValidationResult] = {}
    for result in validate(frame, [check.built(contract).configuration for check in checks], result_format):
        configuration = result.expectation_config
        place = int((configuration.meta or {})["place"]) if configuration is not None else -1  # they do not come in the suite's order
        _refuse_failure(contract, contract.expectations[place], result)
        results[place] = result
    return results


def _refuse_failure(contract: Contract, expectation: Expectation, result: ExpectationValidationResult) -> None:
    """An exception inside a rule is the contract's mistake. Its message may quote values: only its class is told."""
    information = result.exception_info or {}
    raised = [information] if "raised_exception" in information else [each for each in information.values() if isinstance(each, dict)]
    traces = [str(each.get("exception_traceback") or "") for each in raised if each.get("raised_exception")]
    if traces:
        root = re.search(r"^(?:\w+\.)*(\w+(?:Error|Exception|Invalid))\b", traces[0], re.MULTILINE)
        raise _mistake(
            expectation,
            Words("无法计算", "cannot be evaluated"),
            f" ({root[1] if root else 'error'})",
            department=contract.department,
        )


def _built(expectation: Expectation, kwargs: dict[str, Any], place: int, *, for_counts: bool = False) -> Any:
    from great_expectations.exceptions.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.registry import get_expectation_impl

    from pipeline.validating.counted import counted

    severity = FailureSeverity.WARNING if expectation.on_failure == "warn" else FailureSeverity.CRITICAL
    meta = {"place": place, "on_failure": expectation.on_failure}
    try:
        kind = get_expectation_impl(expectation.type)
        return (counted(kind) if for_counts else kind)(**kwargs, severity=severity, meta=meta)
    except ExpectationNotFoundError as error:
        raise _mistake(expectation, Words("不是此版本的规则", "is no expectation of this version")) from error
    except (TypeError, ValueError) as error:  # pydantic's ValidationError is a ValueError
        raise _mistake(expectation, Words("参数类型不符", "has arguments that are not of its kind")) from error


def _mistake(expectation: Expectation, what: Words, why: str = "", department: str = "") -> ContractError:
    column = ", ".join(expectation.columns)
    return ContractError(
        f"{f'{column} 的' if column else ''}规则 {expectation.type} {what.zh} · "
        f"{expectation.type}{f' on {column}' if column else ''} {what.en}{why}",
        remedy="在契约中更正其参数 · correct its arguments in the contract; https://greatexpectations.io/expectations lists them",
        rule=expectation.type,
        column=column,
        department=department,
    )
