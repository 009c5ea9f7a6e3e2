"""What people said of pairs of the store moves the model."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from hub.errors import RequestError
from pipeline.evaluating.verdicts import calibrated
from pipeline.resolving.decisions import decide
from pipeline.resolving.models import load_model
from pipeline.resolving.relations import CASE, PERSON
from tests.integration.pipeline.resolving import party_ids, person, record, settle


def bits(model_levels: object, name: str, level: str) -> float:
    (found,) = [one for one in model_levels if one.name == name]  # type: ignore[attr-defined]
    return next(one.bits for one in found.levels if one.name == level)


def test_the_newest_word_on_each_pair_counts_and_unsure_ones_do_not(database: Engine) -> None:
    who = [person("欧阳震华", phone=f"1391234{place:04}") for place in range(12)]
    settle(database, *(record(department, str(place), one) for place, one in enumerate(who) for department in ("police", "court")))
    ids = party_ids(database)
    for place in range(12):
        pair = (ids[f"police/{place}/0"], ids[f"court/{place}/0"])
        decide(database, "person", pair, "yes", decided_by="clerk")
        if place < 10:
            decide(database, "person", pair, "no" if place < 9 else "unsure", decided_by="judge")
    found = calibrated(database, PERSON)
    assert found.pairs == 11  # nine no, two yes
    assert bits(found.model.comparisons, "phone", "same") < bits(load_model("person").comparisons, "phone", "same")


def test_pairs_that_are_gone_and_relations_nobody_judged_tell_nothing(database: Engine) -> None:
    settle(database, record("police", "1", person("欧阳震华", phone="13912340001")), record("court", "2", person("诸葛明月")))
    ids = party_ids(database)
    decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), "no", decided_by="clerk")
    settle(database, record("court", "2", is_deleted=True))
    for relation in (PERSON, CASE):
        with pytest.raises(RequestError, match="nobody has judged"):
            calibrated(database, relation)
