"""People's verdicts move a model's weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from hub.errors import RequestError
from matching.calibration import calibrate, calibrated_document
from matching.model import Model
from matching.model_file import document_of, packaged_model, packaged_path, read_model

MODEL = packaged_model("person")


def judged(model: Model, *pairs: dict[str, str]) -> pa.Table:
    """Levels of made-up pairs, named by comparison; what is not named is missing."""
    columns = {"left": pa.array(range(len(pairs)), pa.int64()), "right": pa.array(range(1000, 1000 + len(pairs)), pa.int64())}
    for comparison in model.comparisons:
        columns[comparison.name] = pa.array([comparison.index(pair.get(comparison.name, "")) for pair in pairs], pa.int8())
    return pa.table(columns)


def bits(model: Model, comparison: str, level: str) -> float:
    (found,) = [one for one in model.comparisons if one.name == comparison]
    return next(one.bits for one in found.levels if one.name == level)


def test_a_level_that_people_distrust_weighs_less_and_others_stay() -> None:
    doubtful = {"name": "masked", "phone": "same"}
    found = calibrate(judged(MODEL, *[doubtful] * 30), pa.array([False] * 27 + [True] * 3), MODEL)
    assert bits(found.model, "name", "masked") < bits(MODEL, "name", "masked") - 1
    assert bits(found.model, "name", "exact") == bits(MODEL, "name", "exact")
    assert found.after < found.before


def test_ten_verdicts_move_less_than_a_hundred_and_one_hardly_at_all() -> None:
    pair = {"name": "masked", "phone": "same"}
    moves = [
        bits(MODEL, "name", "masked")
        - bits(calibrate(judged(MODEL, *[pair] * count), pa.array([False] * count), MODEL).model, "name", "masked")
        for count in (1, 10, 100)
    ]
    assert 0 < moves[0] < moves[1] < moves[2]
    assert moves[0] < 2


def test_verdicts_that_the_model_foresaw_move_nothing_much() -> None:
    pair = {"id_no": "same", "name": "exact", "phone": "same"}
    found = calibrate(judged(MODEL, *[pair] * 50), pa.array([True] * 50), MODEL)
    assert abs(bits(found.model, "name", "exact") - bits(MODEL, "name", "exact")) < 0.01


def test_what_forbids_a_link_stays_a_rule() -> None:
    found = calibrate(judged(MODEL, *[{"id_no": "conflict", "name": "exact"}] * 40), pa.array([True] * 40), MODEL)
    assert bits(found.model, "id_no", "conflict") == bits(MODEL, "id_no", "conflict")
    assert bits(found.model, "name", "exact") == bits(MODEL, "name", "exact")


def test_adjustments_are_moved_as_levels_are() -> None:
    pair = {"name": "masked", "phone": "same", "address": "room"}
    found = calibrate(judged(MODEL, *[pair] * 60), pa.array([True] * 60), MODEL)
    before = {one.name: one.bits for one in MODEL.adjustments}
    assert {one.name: one.bits for one in found.model.adjustments}["masked_in_one_home"] > before["masked_in_one_home"]


def test_the_next_versions_document_is_read_as_the_calibrated_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = calibrate(judged(MODEL, *[{"name": "near", "phone": "same"}] * 20), pa.array([False] * 20), MODEL)
    path = tmp_path_factory.mktemp("models") / "person.yml"
    path.write_text(calibrated_document(document_of(packaged_path("person")), found.model), encoding="utf-8")
    read = read_model(path)
    assert read.comparisons == found.model.comparisons
    assert read.adjustments == found.model.adjustments
    assert int(read.version) == int(MODEL.version) + 1
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["placeholders"]


def test_without_verdicts_there_is_nothing_to_calibrate() -> None:
    with pytest.raises(RequestError, match="nobody has judged"):
        calibrate(judged(MODEL), pa.array(np.array([], dtype=bool)), MODEL)


def test_calibrating_again_without_new_verdicts_changes_nothing(tmp_path: Path) -> None:
    pairs = [{"name": "masked", "phone": "same", "address": "room"}] * 40 + [{"name": "near", "phone": "differ"}] * 7
    said = pa.array([True, False] * 20 + [True] * 7)
    path, again = tmp_path / "person.yml", tmp_path / "again.yml"
    first = calibrate(judged(MODEL, *pairs), said, MODEL)
    path.write_text(calibrated_document(document_of(packaged_path("person")), first.model), encoding="utf-8")
    in_force = read_model(path)
    second = calibrate(judged(in_force, *pairs), said, in_force)
    again.write_text(calibrated_document(document_of(path), second.model), encoding="utf-8")
    assert first.model.comparisons != MODEL.comparisons and first.model.adjustments != MODEL.adjustments
    assert second.model == in_force
    assert again.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")  # its version, too
    assert second.before == second.after


def test_a_weight_goes_back_to_what_was_stated_once_its_verdicts_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "person.yml"
    doubted = calibrate(judged(MODEL, *[{"name": "near", "phone": "same"}] * 20), pa.array([False] * 20), MODEL).model
    path.write_text(calibrated_document(document_of(packaged_path("person")), doubted), encoding="utf-8")
    in_force = read_model(path)
    left = calibrate(judged(in_force, {"id_no": "conflict", "name": "exact"}), pa.array([False]), in_force).model
    assert bits(in_force, "name", "near") < bits(MODEL, "name", "near")
    assert left.comparisons == MODEL.comparisons
    document = yaml.safe_load(calibrated_document(document_of(path), left))
    assert document["comparisons"] == yaml.safe_load(packaged_path("person").read_text(encoding="utf-8"))["comparisons"]
    assert int(document["version"]) == int(in_force.version) + 1
