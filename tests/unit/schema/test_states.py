"""Words of kinds that matching and the pipeline have of their own are the schema's."""

from __future__ import annotations

from matching import model
from pipeline.evaluating import pairs
from schema.states import RELATIONS


def test_the_relations_are_the_same_everywhere() -> None:
    assert RELATIONS == model.RELATIONS == pairs.RELATION_NAMES
