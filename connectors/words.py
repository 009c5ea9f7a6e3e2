"""The closed lists of words that a contract may use: transforms, canonical fields, roles, expectations. Constants alone.

`schema.records` is what defines the canonical fields, and `schema.codes` the roles. They are repeated here because loading
Arrow is too dear where Airflow parses its DAG files; a test holds the two together.
"""

from __future__ import annotations

from typing import Literal, get_args

#: What `as:` may say. The functions are in pipeline/columns/transforms/.
Transform = Literal[
    "text",
    "datetime",
    "date",
    "excel_date",
    "epoch",
    "money",
    "integer",
    "decimal",
    "boolean",
    "person_name",
    "org_name",
    "party_name",
    "id_no",
    "uscc",
    "phone",
    "address",
    "street",
    "community",
    "longitude",
    "latitude",
    "gcj02_longitude",
    "gcj02_latitude",
    "gender",
    "upper",
]
TRANSFORMS: tuple[Transform, ...] = get_args(Transform)

#: Transforms that read times, and so take `formats`.
TIME_TRANSFORMS = frozenset({"datetime", "date", "excel_date"})

#: Transforms that need the other coordinate in `with`.
SHIFTED_COORDINATES = frozenset({"gcj02_longitude", "gcj02_latitude"})

#: Canonical fields of a record that a contract may fill.
RecordField = Literal[
    "case_number",
    "title",
    "text",
    "reply",
    "category",
    "status",
    "grade",
    "channel",
    "occurred_at",
    "reported_at",
    "found_at",
    "accepted_at",
    "resolved_at",
    "confirmed_at",
    "fed_back_at",
    "ordered_at",
    "reported_in_at",
    "due_at",
    "updated_at",
    "people_involved",
    "amount",
    "address",
    "street",
    "community",
    "longitude",
    "latitude",
    "handling_unit",
    "confirmation_state",
    "is_anonymous",
]
RECORD_FIELDS: tuple[RecordField, ...] = get_args(RecordField)

#: Roles of schema/codes/role.yml.
Role = Literal[
    "petitioner",
    "reporter",
    "plaintiff",
    "household_head",
    "patient",
    "victim",
    "respondent",
    "defendant",
    "suspect",
    "agent",
    "third_party",
    "mediator",
    "handler",
]

#: Fields whose values are codes of a list in schema/codes.
CODED_FIELDS = ("category", "status", "grade", "channel")

#: Canonical fields of a party that a contract may fill.
PARTY_FIELDS = ("name", "id_type", "id_no", "uscc", "phone", "address", "gender", "birth_date")

#: Fields that show who somebody is or where he lives, masked wherever values are shown to a person who connects a source.
PERSONAL_FIELDS = frozenset({"name", "id_no", "uscc", "phone", "address", "birth_date", "text", "title", "reply", "longitude", "latitude"})

_ONE = frozenset({"column", "mostly"})
_PAIR = frozenset({"column_A", "column_B", "mostly", "ignore_row_if"})
_MANY = frozenset({"column_list", "mostly", "ignore_row_if"})
_BETWEEN = frozenset({"min_value", "max_value", "strict_min", "strict_max"})

#: Expectations that judge each row: `on_failure: quarantine` refuses the rows that fail. Name → the arguments it takes.
ROW_EXPECTATIONS: dict[str, frozenset[str]] = {
    "expect_column_values_to_not_be_null": _ONE,
    "expect_column_values_to_be_null": _ONE,
    "expect_column_values_to_be_unique": _ONE,
    "expect_column_values_to_be_between": _ONE | _BETWEEN,
    "expect_column_values_to_be_in_set": _ONE | {"value_set"},
    "expect_column_values_to_not_be_in_set": _ONE | {"value_set"},
    "expect_column_values_to_be_of_type": _ONE | {"type_"},
    "expect_column_values_to_be_in_type_list": _ONE | {"type_list"},
    "expect_column_values_to_match_regex": _ONE | {"regex"},
    "expect_column_values_to_not_match_regex": _ONE | {"regex"},
    "expect_column_values_to_match_regex_list": _ONE | {"regex_list", "match_on"},
    "expect_column_values_to_not_match_regex_list": _ONE | {"regex_list"},
    "expect_column_values_to_match_strftime_format": _ONE | {"strftime_format"},
    "expect_column_values_to_be_dateutil_parseable": _ONE,
    "expect_column_values_to_be_json_parseable": _ONE,
    "expect_column_values_to_match_json_schema": _ONE | {"json_schema"},
    "expect_column_values_to_be_increasing": _ONE | {"strictly"},
    "expect_column_values_to_be_decreasing": _ONE | {"strictly"},
    "expect_column_value_lengths_to_be_between": _ONE | _BETWEEN,
    "expect_column_value_lengths_to_equal": _ONE | {"value"},
    "expect_column_value_z_scores_to_be_less_than": _ONE | {"threshold", "double_sided"},
    "expect_column_pair_values_a_to_be_greater_than_b": _PAIR | {"or_equal"},
    "expect_column_pair_values_to_be_equal": _PAIR,
    "expect_column_pair_values_to_be_in_set": _PAIR | {"value_pairs_set"},
    "expect_compound_columns_to_be_unique": _MANY,
    "expect_multicolumn_sum_to_equal": _MANY | {"sum_total"},
    "expect_select_column_values_to_be_unique_within_record": _MANY,
    # the hub's own
    "expect_id_number_checksum": _ONE,
    "expect_credit_code_checksum": _ONE,
    "expect_phone_number": _ONE,
    "expect_region_code": _ONE,
    "expect_date_order": _PAIR | {"or_equal"},
}

#: Expectations that judge a batch as a whole: `warn` or `halt`, there is no row to quarantine.
BATCH_EXPECTATIONS: dict[str, frozenset[str]] = {
    "expect_column_to_exist": frozenset({"column", "column_index"}),
    "expect_column_distinct_values_to_be_in_set": frozenset({"column", "value_set"}),
    "expect_column_distinct_values_to_contain_set": frozenset({"column", "value_set"}),
    "expect_column_distinct_values_to_equal_set": frozenset({"column", "value_set"}),
    "expect_column_most_common_value_to_be_in_set": frozenset({"column", "value_set", "ties_okay"}),
    "expect_column_max_to_be_between": _BETWEEN | {"column"},
    "expect_column_min_to_be_between": _BETWEEN | {"column"},
    "expect_column_mean_to_be_between": _BETWEEN | {"column"},
    "expect_column_median_to_be_between": _BETWEEN | {"column"},
    "expect_column_stdev_to_be_between": _BETWEEN | {"column"},
    "expect_column_sum_to_be_between": _BETWEEN | {"column"},
    "expect_column_proportion_of_non_null_values_to_be_between": _BETWEEN | {"column"},
    "expect_column_proportion_of_unique_values_to_be_between": _BETWEEN | {"column"},
    "expect_column_unique_value_count_to_be_between": _BETWEEN | {"column"},
    "expect_column_quantile_values_to_be_between": frozenset({"column", "quantile_ranges", "allow_relative_error"}),
    "expect_table_row_count_to_be_between": _BETWEEN,
    "expect_table_row_count_to_equal": frozenset({"value"}),
    "expect_table_column_count_to_be_between": frozenset({"min_value", "max_value"}),
    "expect_table_column_count_to_equal": frozenset({"value"}),
    "expect_table_columns_to_match_ordered_list": frozenset({"column_list"}),
    "expect_table_columns_to_match_set": frozenset({"column_set", "exact_match"}),
}

#: Every expectation a contract may name. Left out are those that take a query or a row condition, for nothing in a contract is
#: evaluated, and those that Great Expectations has on SQL engines alone: the hub judges rows in memory.
EXPECTATIONS: dict[str, frozenset[str]] = ROW_EXPECTATIONS | BATCH_EXPECTATIONS
