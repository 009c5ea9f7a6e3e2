"""Forms of which a part is made, or made later, are the same as where all of them are made at once."""

from __future__ import annotations

import pyarrow as pa

from matching.forms import CONSTRAINTS, case_constraints, person_constraints, with_sides
from matching.model_file import packaged_model
from tests.unit.matching.builders import FORMS, make_inputs


def test_a_persons_constraints_are_those_of_its_form() -> None:
    numbers = ("11010519491231002X", "110105491231002", "110105194912310021", "1", None)
    inputs = make_inputs("person", *({"id_no": number, "role": role} for number in numbers for role in ("petitioner", "respondent")))
    constraints = person_constraints(inputs.select(["id", "record_id", "role", "id_no"]), packaged_model("person"))
    assert constraints.equals(FORMS["person"](inputs).select(CONSTRAINTS))
    assert constraints["identifier"].null_count == inputs.num_rows - 2 and not constraints["apart"].null_count


def test_a_cases_constraints_are_those_of_its_form() -> None:
    inputs, promised = make_inputs("case", {"department": "court"}, {"department": "labour"}), frozenset({"court"})
    constraints = case_constraints(inputs.select(["id", "department"]), unique_within=promised)
    assert constraints.equals(FORMS["case"](inputs, unique_within=promised).select(CONSTRAINTS))


def test_who_is_on_a_records_sides_may_be_put_into_its_form_later() -> None:
    sides = {"petitioner_persons": [3, 1], "respondent_organisations": [None, 7], "respondent_persons": []}
    inputs = make_inputs("case", {**sides, "title": "拖欠工资", "address": "长春路12号"}, {"title": "噪声扰民"})
    bare = inputs
    for place, name in enumerate(inputs.column_names):
        if name.startswith(("petitioner_", "respondent_")):
            bare = bare.set_column(place, name, pa.nulls(inputs.num_rows, inputs.schema.field(name).type))
    assert not FORMS["case"](bare).equals(FORMS["case"](inputs))
    later = with_sides(FORMS["case"](bare), inputs)
    assert later.equals(FORMS["case"](inputs))
    assert later["respondent_organisations"].to_pylist() == [[7], None]  # whom a party does not resolve to yet is nobody
