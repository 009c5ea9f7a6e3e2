"""Contracts' expectations through Great Expectations: counts, positions, no values, and the hub's own rules."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from connectors.contract import Contract
from connectors.words import BATCH_EXPECTATIONS, ROW_EXPECTATIONS
from hub.errors import ContractError
from pipeline.validating import expectations
from pipeline.validating.expectations import Finding, frame_of, run, suite
from pipeline.validating.great_expectations_run import great_expectations

SOUND_ID, UNSOUND_ID = "440306199001011236", "440306199001011234"
SOUND_CODE, UNSOUND_CODE = "91350100M000100Y43", "91350100M000100Y44"


def make_contract(*rules: dict[str, Any], record: dict[str, Any] | None = None) -> Contract:
    """A contract with these expectations; a rule without on_failure warns."""
    return Contract.model_validate(
        {
            "department": "works",
            "title": {"zh": "工务署", "en": "Works"},
            "owner": {"desk": "desk"},
            "version": 1,
            "legal_basis": "test",
            "connector": {"kind": "file", "connection": "works", "path": "works.jsonl", "format": "jsonl"},
            "feed": {"mode": "snapshot"},
            "key": ["id"],
            "record": {"text": {"from": "text"}, **(record or {})},
            "expectations": [{"on_failure": "warn", **rule} for rule in rules],
        }
    )


def judge(contract: Contract, *rows: dict[str, Any]) -> list[Finding]:
    return run(contract, frame_of(contract, rows))


def judge_one(rule: dict[str, Any], *values: Any, record: dict[str, Any] | None = None) -> Finding:
    """One rule over one column `x`."""
    (finding,) = judge(make_contract({"column": "x", **rule}, record=record), *({"x": value} for value in values))
    return finding


def test_counts_and_positions_by_rule() -> None:
    contract = make_contract(
        {"type": "expect_column_values_to_not_be_null", "column": "编号", "on_failure": "quarantine"},
        {"type": "expect_column_values_to_be_unique", "column": "编号", "on_failure": "warn"},
        {"type": "expect_column_values_to_be_in_set", "column": "kind", "value_set": [1, "投诉", True], "on_failure": "halt"},
        {"type": "expect_table_row_count_to_be_between", "min_value": 10, "on_failure": "halt"},
        {"type": "expect_column_value_lengths_to_be_between", "column": "nowhere", "max_value": 3, "on_failure": "warn"},
    )
    rows = [{"编号": "a", "kind": 1}, {"编号": None, "kind": "投诉"}, {"编号": "a", "kind": "x"}, {"kind": True}]
    assert judge(contract, *rows) == [
        Finding("expect_column_values_to_not_be_null", "编号", "quarantine", 4, 2, [1, 3]),
        Finding("expect_column_values_to_be_unique", "编号", "warn", 2, 2, [0, 2]),
        Finding("expect_column_values_to_be_in_set", "kind", "halt", 4, 1, []),
        Finding("expect_table_row_count_to_be_between", None, "halt", 1, 1, []),
        Finding("expect_column_value_lengths_to_be_between", "nowhere", "warn", 0, 0, []),
    ]


def test_nothing_is_judged_where_nothing_is() -> None:
    contract = make_contract({"type": "expect_table_row_count_to_be_between", "min_value": 1})
    assert judge(contract) == []
    assert judge(make_contract(), {"x": 1}) == []


def test_mostly_forgives() -> None:
    rule = {"type": "expect_column_values_to_match_regex", "regex": "^a", "on_failure": "quarantine"}
    assert judge_one(rule | {"mostly": 0.5}, "a", "a", "b").failed == 0
    assert judge_one(rule | {"mostly": 0.9}, "a", "a", "b").row_indexes == [2]


def test_slices_say_what_the_whole_says(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = make_contract(
        {"type": "expect_column_values_to_match_regex", "column": "x", "regex": "^[0-9]$", "on_failure": "quarantine"},
        {"type": "expect_column_values_to_be_unique", "column": "y", "on_failure": "quarantine"},
        {"type": "expect_table_row_count_to_equal", "value": 11, "on_failure": "halt"},
    )
    rows = [{"x": str(place), "y": str(place % 9)} for place in range(11)]
    whole = judge(contract, *rows)
    assert [finding.row_indexes for finding in whole] == [[10], [0, 1, 9, 10], []]
    assert [finding.failed for finding in whole] == [1, 4, 0]
    monkeypatch.setattr(expectations, "CHUNK_ROWS", 4)
    assert judge(contract, *rows) == whole
    parts = run(contract, frame_of(contract, rows), "rows") + run(contract, frame_of(contract, rows), "batch")
    assert parts == whole
    assert list(frame_of(contract, rows, "batch").columns) == ["y"]


@pytest.mark.parametrize(
    ("rule", "values", "positions"),
    [
        pytest.param({"min_value": 9, "max_value": 100}, ["10", 9, "8", "1,000", None, "much"], [2, 3, 5], id="numbers, not texts"),
        pytest.param({"max_value": 100}, ["much", 1], [0], id="unreadable fails an upper bound"),
        pytest.param({"min_value": "2026-01-01"}, ["2025/12/31 23:00", "2026年1月1日", "soon", None], [0, 2], id="times in any form"),
    ],
)
def test_between_compares_what_the_bounds_are(rule: dict[str, Any], values: list[Any], positions: list[int]) -> None:
    finding = judge_one({"type": "expect_column_values_to_be_between", "on_failure": "quarantine", **rule}, *values)
    assert finding.row_indexes == positions
    assert finding.evaluated == sum(value is not None for value in values)


def test_a_mapped_column_is_compared_as_the_contract_reads_it() -> None:
    rule = {"type": "expect_column_values_to_be_between", "max_value": 10_000, "on_failure": "quarantine"}
    money = {"amount": {"from": "x", "as": "money", "unit": "CNY_10k"}}
    assert judge_one(rule, "1", "1.5", "900元", record=money).row_indexes == [1]
    times = {"occurred_at": {"from": "x", "as": "excel_date"}}
    late = rule | {"max_value": "2026-01-01"}
    assert judge_one(late, "46000", "46030", record=times).row_indexes == [1]


def test_aggregates_see_numbers() -> None:
    assert judge_one({"type": "expect_column_max_to_be_between", "max_value": 10}, "9", "10").failed == 0
    assert judge_one({"type": "expect_column_mean_to_be_between", "min_value": 5, "on_failure": "halt"}, "1", "2").failed == 1


def test_rules_about_columns_see_the_sources_own() -> None:
    contract = make_contract(
        {"type": "expect_column_to_exist", "column": "b"},
        {"type": "expect_column_to_exist", "column": "c"},
        {"type": "expect_table_columns_to_match_set", "column_set": ["a", "b"]},
        {"type": "expect_column_values_to_be_null", "column": "d"},
    )
    assert [finding.failed for finding in judge(contract, {"a": 1, "b": 2}, {"a": 1})] == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("rule", "holding", "failing"),
    [
        (
            "expect_id_number_checksum",
            [SOUND_ID, " ４４０３０６１９９００１０１１２３６", "440306900101123", "E12345678", "H12345678"],
            [UNSOUND_ID, "440306199002301231", "4403061990010112", "990306900101123", "440306********1234"],
        ),
        ("expect_credit_code_checksum", [SOUND_CODE, SOUND_CODE.lower(), "440301103097413"], [UNSOUND_CODE, "9135"]),
        ("expect_phone_number", ["13800138000", "0755-26001234", "（0755）26001234"], ["138****0000", "1380013800", "无号码"]),
        ("expect_region_code", ["440311", "440311001", "440306002005", "440311001000"], ["440305", "光明街道"]),
    ],
)
def test_the_hubs_own_rules(rule: str, holding: list[str], failing: list[str]) -> None:
    finding = judge_one({"type": rule, "on_failure": "quarantine"}, *holding, None, *failing)
    assert finding.evaluated == len(holding) + len(failing)
    assert finding.row_indexes == list(range(len(holding) + 1, len(holding) + 1 + len(failing)))


def test_order_of_dates_in_whatever_form() -> None:
    rows = [
        {"a": "2026-01-02", "b": "2026/1/1 10:00"},
        {"a": "2026-01-01", "b": "2026年1月2日"},
        {"a": "2026-01-01", "b": "2026-01-01"},
        {"a": None, "b": "2026-01-01"},
    ]
    rule = {"type": "expect_date_order", "column_A": "a", "column_B": "b", "on_failure": "quarantine"}
    assert judge(make_contract(rule), *rows) == [Finding("expect_date_order", "a, b", "quarantine", 3, 2, [1, 2])]
    assert judge(make_contract(rule | {"or_equal": True}), *rows)[0].row_indexes == [1]


ARGUMENTS = {
    "column": "x",
    "column_A": "x",
    "column_B": "y",
    "column_list": ["x", "y"],
    "column_set": ["x", "y"],
    "value_set": ["1"],
    "value_pairs_set": [["1", "1"]],
    "regex": "1",
    "regex_list": ["1"],
    "strftime_format": "%Y",
    "json_schema": {"type": "integer"},
    "type_": "str",
    "type_list": ["str"],
    "value": 1,
    "threshold": 3,
    "double_sided": True,
    "sum_total": 3,
    "min_value": 0,
    "max_value": 10,
    "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 9]]},
}
OPTIONAL = {"mostly", "strict_min", "strict_max", "ignore_row_if", "or_equal", "match_on", "strictly", "ties_okay"}
OPTIONAL |= {"column_index", "exact_match", "allow_relative_error"}


@pytest.mark.parametrize("name", [*ROW_EXPECTATIONS, *BATCH_EXPECTATIONS])
def test_every_expectation_a_contract_may_name_can_be_evaluated(name: str) -> None:
    takes = (ROW_EXPECTATIONS | BATCH_EXPECTATIONS)[name]
    contract = make_contract({"type": name, **{argument: ARGUMENTS[argument] for argument in sorted(takes - OPTIONAL)}})
    (finding,) = judge(contract, {"x": "1", "y": "2"}, {"x": "1", "y": "3"})
    assert finding.rule == name


@pytest.mark.parametrize("name", [*ROW_EXPECTATIONS])
def test_no_rule_gathers_the_values_that_fail(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    great_expectations()  # first of all, for it says what it is not to load
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine

    asked: set[str] = set()
    resolve = PandasExecutionEngine.resolve_metrics

    def resolved(engine: PandasExecutionEngine, metrics_to_resolve: Any, *args: Any, **kwargs: Any) -> Any:
        asked.update(metric.metric_name for metric in metrics_to_resolve)
        return resolve(engine, metrics_to_resolve, *args, **kwargs)

    monkeypatch.setattr(PandasExecutionEngine, "resolve_metrics", resolved)
    rule = {"type": name, "on_failure": "quarantine", **{each: ARGUMENTS[each] for each in sorted(ROW_EXPECTATIONS[name] - OPTIONAL)}}
    judge(make_contract(rule), {"x": "2", "y": "1"}, {"x": "2", "y": "x"})
    assert asked
    assert not [metric for metric in asked if metric.endswith(".unexpected_values")]


def test_a_rules_configuration_is_worked_out_once() -> None:
    great_expectations()
    from great_expectations.expectations.registry import get_expectation_impl

    from pipeline.validating.counted import counted

    rule = counted(get_expectation_impl("expect_column_values_to_be_in_set"))(column="x", value_set=["1"], meta={"place": 0})
    assert rule.configuration is rule.configuration
    assert rule.configuration.kwargs == {"column": "x", "value_set": ["1"]}


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"type": "expect_column_values_to_match_regex", "regex": "("}, id="no regular expression"),
        pytest.param({"type": "expect_column_values_to_be_in_set", "value_set": 5}, id="no list"),
        pytest.param({"type": "expect_column_values_to_be_between", "min_value": "A"}, id="bounds of words"),
        pytest.param({"type": "expect_column_values_to_be_between", "min_value": 9, "max_value": 1}, id="bounds crossed"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_a_mistake_of_the_contract(rule: dict[str, Any]) -> None:
    with pytest.raises(ContractError) as raised:
        judge_one(rule, "SECRET", "SECRET2")
    assert raised.value.detail["column"] == "x"
    assert rule["type"] in str(raised.value)
    assert "SECRET" not in str(raised.value) + str(raised.value.detail)


def test_no_value_reaches_a_log_or_a_finding(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    findings = judge(
        make_contract(
            {"type": "expect_column_values_to_be_in_set", "column": "x", "value_set": ["a"], "on_failure": "quarantine"},
            {"type": "expect_column_max_to_be_between", "column": "x", "max_value": 1},
        ),
        {"x": "SECRET"},
        {"x": "7654321"},
    )
    with pytest.raises(ContractError):
        judge_one({"type": "expect_column_values_to_match_regex", "regex": "("}, "SECRET")
    logging.getLogger("pipeline.validating.validate").debug("heard")
    assert findings
    assert "heard" in caplog.text
    assert not logging.getLogger("great_expectations").isEnabledFor(logging.ERROR)  # it quotes what it was given
    assert not any(secret in str(findings) + caplog.text for secret in ("SECRET", "7654321"))


def test_the_suite_is_the_contracts_under_the_sources_names() -> None:
    contract = make_contract(
        {"type": "expect_column_values_to_be_between", "column": "金额", "min_value": 0, "on_failure": "quarantine"},
        {"type": "expect_id_number_checksum", "column": "身份证号"},
    )
    built = suite(contract)
    assert [(each.expectation_type, each.column, each.meta["on_failure"]) for each in built.expectations] == [
        ("expect_column_values_to_be_between", "金额", "quarantine"),
        ("expect_id_number_checksum", "身份证号", "warn"),
    ]
