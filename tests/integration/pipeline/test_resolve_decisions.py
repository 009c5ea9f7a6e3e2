"""Review tasks, and what people say of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hub.errors import NotFound, RequestError
from hub.settings import Settings
from matching.model import Model
from pipeline.relinking.relink import relink
from pipeline.resolving import links
from pipeline.resolving.decisions import decide
from pipeline.resolving.models import load_model
from pipeline.resolving.resolve import resolve
from tests.integration.pipeline.resolving import (
    SETTINGS,
    clusters,
    id_number,
    invariants,
    parties,
    party_ids,
    person,
    put,
    record,
    rows,
    settle,
)

BY_PHONE = person("欧阳震华", phone="13912340001")
BY_NUMBER = person("欧阳震华", id_no=id_number(1), phone="13912340001")
TASKS = "SELECT left_id, right_id, state FROM store.review_task WHERE relation = 'person' ORDER BY task_id"


@pytest.fixture
def cautious(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A model of persons that links by number alone and leaves what a name and a phone say to people."""

    def model(relation: str) -> Model:
        return replace(load_model(relation), link=30.0, review=-5.0) if relation == "person" else load_model(relation)

    monkeypatch.setattr(links, "load_model", model)
    yield


def test_a_doubtful_pair_becomes_a_task_until_somebody_says_yes(database: Engine, cautious: None) -> None:
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_PHONE))
    ids = party_ids(database)
    left, right = sorted((ids["police/1/0"], ids["court/2/0"]))
    assert rows(database, TASKS) == [(left, right, "open")]
    assert len(clusters(parties(database))) == 2
    decide(database, "person", (right, left), "yes", decided_by="clerk")
    resolve(database, SETTINGS)
    assert rows(database, TASKS) == [(left, right, "decided")]
    assert len(clusters(parties(database))) == 1
    assert rows(database, "SELECT decision, decided_by FROM store.link WHERE known_to IS NULL AND relation = 'person'") == [
        ("link", "clerk")
    ]
    assert invariants(database) == []


@pytest.mark.parametrize("verdict", ["no", "unsure"])
def test_a_task_that_was_answered_is_not_asked_again(database: Engine, cautious: None, verdict: str) -> None:
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_PHONE))
    ids = party_ids(database)
    decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), verdict, decided_by="clerk")
    resolve(database, SETTINGS)
    settle(database, record("court", "2", BY_PHONE | {"address": "马田街道"}))
    assert [state for *_, state in rows(database, TASKS)] == ["decided"]
    assert len(clusters(parties(database))) == 2


def test_a_task_is_obsolete_once_the_pair_is_no_longer_alike(database: Engine, cautious: None) -> None:
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_PHONE))
    settle(database, record("police", "1", BY_NUMBER | {"phone": "13912349999"}))
    assert [state for *_, state in rows(database, TASKS)] == ["obsolete"]
    assert invariants(database) == []


def test_a_task_is_obsolete_once_a_third_has_made_them_one(database: Engine, cautious: None) -> None:
    settle(database, record("police", "1", BY_NUMBER | {"id_no": None, "id_type": None}), record("court", "2", BY_PHONE))
    ids = party_ids(database)
    settle(database, record("labour", "3", BY_NUMBER))
    third = party_ids(database)["labour/3/0"]
    assert len(rows(database, TASKS)) == 3
    for other in (ids["police/1/0"], ids["court/2/0"]):
        decide(database, "person", (other, third), "yes", decided_by="clerk")
    resolve(database, SETTINGS)
    assert len(clusters(parties(database))) == 1
    assert sorted(state for *_, state in rows(database, TASKS)) == ["decided", "decided", "obsolete"]


def test_a_no_outlives_the_record_that_goes_and_returns(database: Engine) -> None:
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_NUMBER))
    ids = party_ids(database)
    decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), "no", decided_by="clerk")
    settle(database, record("court", "2", is_deleted=True))
    settle(database, record("court", "2", BY_NUMBER))
    assert party_ids(database)["court/2/0"] == ids["court/2/0"]
    assert len(clusters(parties(database))) == 2
    assert invariants(database) == []


def test_no_chain_joins_what_a_person_kept_apart(database: Engine) -> None:
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_NUMBER))
    ids = party_ids(database)
    decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), "no", decided_by="clerk")
    settle(database, *(record("labour", str(number), BY_NUMBER) for number in range(5)))
    of = parties(database)
    assert of["police/1/0"] != of["court/2/0"]
    assert len(set(of.values())) == 3  # the others are one that may be either
    assert invariants(database) == []


def test_two_valid_numbers_are_two_whatever_anybody_says(database: Engine) -> None:
    settle(
        database, record("police", "1", person("王建国", id_no=id_number(1))), record("court", "2", person("王建国", id_no=id_number(2)))
    )
    ids = party_ids(database)
    pair = (ids["police/1/0"], ids["court/2/0"])
    with pytest.raises(RequestError, match="two valid numbers") as refused:
        decide(database, "person", pair, "yes", decided_by="clerk")
    assert id_number(1) not in str(refused.value)
    with database.begin() as connection:  # and if it came in by another way, it changes nothing
        connection.execute(
            text(
                "INSERT INTO ops.decision (relation, left_id, right_id, verdict, decided_by) VALUES ('person', :left, :right, 'yes', 'x')"
            ),
            {"left": min(pair), "right": max(pair)},
        )
    resolve(database, SETTINGS)
    assert len(clusters(parties(database))) == 2
    assert rows(database, "SELECT count(*) FROM ops.decision WHERE applied_change IS NULL") == [0]


def test_what_cannot_be_decided_is_said(database: Engine) -> None:
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_PHONE))
    put(database, record("labour", "3", BY_PHONE))
    ids = party_ids(database)
    one, other, waiting = ids["police/1/0"], ids["court/2/0"], ids["labour/3/0"]
    with pytest.raises(RequestError, match="cannot be read"):
        decide(database, "household", (one, other), "yes", decided_by="clerk")
    with pytest.raises(RequestError, match="cannot be read"):
        decide(database, "person", (one, other), "perhaps", decided_by="clerk")
    with pytest.raises(RequestError, match="about two"):
        decide(database, "person", (one, one), "no", decided_by="clerk")
    with pytest.raises(NotFound):
        decide(database, "person", (one, waiting), "no", decided_by="clerk")
    assert rows(database, "SELECT count(*) FROM ops.decision") == [0]


def test_who_could_not_tell_has_joined_nobody(database: Engine) -> None:
    settle(
        database,
        record("police", "1", person(None, phone="13912340003", birth_date="1980-01-01")),
        record("court", "1", person("王建国", phone="13912340001", birth_date="1980-01-01")),
    )
    ids = party_ids(database)
    decide(database, "person", (ids["police/1/0"], ids["court/1/0"]), "unsure", decided_by="clerk")
    settle(database)
    assert len(clusters(parties(database))) == 2
    assert rows(database, "SELECT count(*) FROM store.link WHERE relation = 'person' AND known_to IS NULL") == [0]


def test_who_could_not_tell_takes_back_no_word(database: Engine, tmp_path: Path) -> None:
    """The engine would link the two: what keeps them apart is a colleague's "no" alone."""
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_NUMBER))
    ids = party_ids(database)
    pair = ids["police/1/0"], ids["court/2/0"]
    for verdict in ("no", "unsure"):
        decide(database, "person", pair, verdict, decided_by="clerk")
        resolve(database, SETTINGS)
        assert len(clusters(parties(database))) == 2, verdict
    assert all(one.records.is_empty() for one in relink(database, Settings(home=tmp_path)))
    settle(database, record("labour", "3", BY_NUMBER))
    assert parties(database)["police/1/0"] != parties(database)["court/2/0"]
    assert invariants(database) == []


def test_a_word_goes_on_to_a_new_id_though_somebody_could_not_tell(database: Engine) -> None:
    settle(database, record("police", "1", person("欧阳震华", phone="13912340001")), record("court", "2", BY_PHONE))
    ids = party_ids(database)
    for verdict in ("no", "unsure"):
        decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), verdict, decided_by="clerk")
    resolve(database, SETTINGS)
    settle(database, record("police", "1", person("歐陽震華", phone="13912340001")))
    assert party_ids(database)["police/1/0"] != ids["police/1/0"]
    assert len(clusters(parties(database))) == 2
