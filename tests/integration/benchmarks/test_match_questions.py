"""Questions for the match that are made of a store: the API takes every one of them."""

from __future__ import annotations

import orjson
from sqlalchemy import Engine

from api.questions.match import MatchRecord
from benchmarks.match_api import prospects
from tests.integration.pipeline.resolving import firm, id_number, person, record, settle


def test_the_api_takes_what_is_made_of_a_store(database: Engine) -> None:
    who = person("欧阳震华", phone="13912340001", id_no=id_number(1))
    settle(database, record("police", "1", who, firm("深圳市明辉电子有限公司"), category="wages", text="拖欠工资", amount="3.50"))
    (question,) = prospects(database, 5)
    asked = MatchRecord.model_validate(orjson.loads(orjson.dumps(question)))
    assert (asked.category, asked.amount, [party.kind for party in asked.parties]) == ("wages", 3.5, ["person", "organisation"])
