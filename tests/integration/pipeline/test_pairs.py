"""Two nodes side by side, and what people's judgement tells of the engine's."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from hub.errors import NotFound, RequestError
from pipeline.evaluating.agreement import confusion, draw, precisions, to_judge
from pipeline.evaluating.pairs import examine, find_node
from pipeline.resolving.decisions import decide, take_apart
from pipeline.resolving.relations import CASE, PERSON
from pipeline.resolving.resolve import resolve
from tests.integration.pipeline.resolving import (
    SETTINGS,
    clusters,
    id_number,
    invariants,
    parties,
    party_ids,
    person,
    record,
    rows,
    settle,
)

WHO = person("欧阳震华", id_no=id_number(1), phone="13912340001")
OTHER = person("诸葛明月", id_no=id_number(2), phone="13912340002")


def test_a_pair_is_shown_with_both_sides_and_steps_that_add_up(database: Engine) -> None:
    settle(database, record("police", "P/1", WHO), record("court", "2", WHO), record("labour", "3", OTHER))
    left, right = find_node(database, PERSON, "police/P/1/0"), find_node(database, PERSON, "court/2/0")
    (pair,) = examine(database, PERSON, [(right, left)])
    assert {pair.left.name, pair.right.name} == {"police/P/1/0", "court/2/0"}
    assert pair.is_one and pair.decision == "link"
    assert sum(pair.steps.values()) == pytest.approx(pair.match_weight)
    assert pair.left.values["id_no"] == id_number(1)


def test_what_people_said_of_a_pair_stands_beside_it_and_does_not_change_what_the_engine_says(database: Engine) -> None:
    settle(database, record("police", "1", WHO), record("court", "2", WHO))
    ids = party_ids(database)
    pair = (ids["police/1/0"], ids["court/2/0"])
    decide(database, "person", pair, "unsure", decided_by="clerk")
    decide(database, "person", pair, "no", decided_by="judge", reason="seen both")
    resolve(database, SETTINGS)
    (found,) = examine(database, PERSON, [pair])
    assert [(said.verdict, said.decided_by, said.reason) for said in found.verdicts] == [
        ("unsure", "clerk", None),
        ("no", "judge", "seen both"),
    ]
    assert found.decision == "link" and not found.is_one


@pytest.mark.parametrize("name", ["police", "police/1", "police/440301199001011234", "police/1/x", "/0"])
def test_a_name_of_no_form_is_refused_with_the_form(database: Engine, name: str) -> None:
    with pytest.raises(RequestError, match="names no node") as refused:
        find_node(database, PERSON, name)
    assert "department/number/" in (refused.value.remedy or "")
    assert name not in refused.value.message


def test_a_node_that_is_not_there_is_said(database: Engine) -> None:
    settle(database, record("police", "1", WHO))
    with pytest.raises(NotFound):
        find_node(database, PERSON, "police/1/7")
    with pytest.raises(NotFound):
        find_node(database, CASE, "court/1")


def test_what_is_taken_apart_stays_apart_from_all_it_was_one_with(database: Engine) -> None:
    records = [record(department, "1", WHO) for department in ("police", "court", "labour", "health")]
    settle(database, *records)
    assert len(clusters(parties(database))) == 1
    assert take_apart(database, "person", party_ids(database)["court/1/0"], decided_by="clerk") == 3
    resolve(database, SETTINGS)
    assert clusters(parties(database)) == {frozenset({"court/1/0"}), frozenset({"police/1/0", "labour/1/0", "health/1/0"})}
    settle(database, record("court", "1", WHO, title="改"), *(record("justice", str(number), WHO) for number in range(3)))
    of = parties(database)
    assert of["court/1/0"] != of["police/1/0"]
    assert invariants(database) == []


def test_what_is_one_with_nobody_cannot_be_taken_apart(database: Engine) -> None:
    settle(database, record("police", "1", WHO))
    ids = party_ids(database)
    with pytest.raises(RequestError, match="one with nobody"):
        take_apart(database, "person", ids["police/1/0"], decided_by="clerk")
    with pytest.raises(RequestError, match="cannot be read"):
        take_apart(database, "household", ids["police/1/0"], decided_by="clerk")
    with pytest.raises(NotFound):
        take_apart(database, "case", 987654, decided_by="clerk")


def test_a_confusion_matrix_counts_the_newest_word_on_each_pair(database: Engine) -> None:
    settle(database, record("police", "1", WHO), record("court", "2", WHO), record("labour", "3", OTHER), record("health", "4", WHO))
    ids = party_ids(database)
    for one, other, verdict in (("police/1/0", "court/2/0", "no"), ("police/1/0", "labour/3/0", "no"), ("court/2/0", "health/4/0", "yes")):
        decide(database, "person", (ids[one], ids[other]), verdict, decided_by="clerk")
    decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), "yes", decided_by="clerk")
    assert confusion(database, PERSON).rows() == [("link", 2, 0, 0), ("cannot_link", 0, 1, 0)]
    assert confusion(database, CASE).is_empty()
    settle(database, record("health", "4", is_deleted=True))
    assert confusion(database, PERSON).rows() == [("link", 1, 0, 0), ("cannot_link", 0, 1, 0), ("gone", 1, 0, 0)]


def test_links_drawn_and_judged_tell_the_precision_with_its_interval(database: Engine) -> None:
    settle(database, *(record(department, "1", WHO) for department in ("police", "court", "labour", "health", "justice")))
    live = rows(database, "SELECT count(*) FROM store.link WHERE relation = 'person' AND known_to IS NULL AND decision = 'link'")[0]
    assert precisions(database) == []
    assert draw(database, PERSON, 100) == live
    assert draw(database, PERSON, 100) == 0
    assert [(one.drawn, one.share) for one in precisions(database)] == [(live, None)]
    waiting = to_judge(database, PERSON, 100)
    assert len(waiting) == live
    for place, pair in enumerate(waiting):
        decide(database, "person", pair, "no" if place == 0 else "yes", decided_by="clerk")
    (found,) = precisions(database)
    assert (found.right, found.wrong, found.share) == (live - 1, 1, (live - 1) / live)
    assert found.low is not None and found.high is not None and 0 < found.low < (live - 1) / live < found.high < 1
    assert to_judge(database, PERSON, 100) == []
    resolve(database, SETTINGS)
    assert draw(database, PERSON, 100) == 0  # what a person decided is no link of the engine's


def test_a_link_that_was_passed_over_is_not_drawn_for_it_joined_nothing(database: Engine) -> None:
    by_phone = person(WHO["name"], phone="13912340001")
    numbered = [person(WHO["name"], id_no=id_number(place), phone="13912340001") for place in (1, 2)]
    settle(database, record("police", "1", numbered[0]), record("court", "2", numbered[1]), record("labour", "3", by_phone))
    links = "SELECT count(*) FROM store.link WHERE relation = 'person' AND known_to IS NULL AND decision = 'link'"
    assert rows(database, links) == [2]  # to each of two who are two
    assert draw(database, PERSON, 100) == 0
    settle(database, *(record("housing", str(number), numbered[0], address=f"马田街道将石路{number}号") for number in range(4, 24)))
    assert len(clusters(parties(database))) == 2  # whoever is met so often is the likelier, and is joined by what tells nothing more
    assert draw(database, PERSON, 1_000) == rows(database, links)[0] - 1


def test_a_link_of_which_nobody_was_sure_before_it_was_drawn_is_asked_again(database: Engine) -> None:
    settle(database, record("police", "1", WHO), record("court", "2", WHO))
    ids = party_ids(database)
    pair = tuple(sorted((ids["police/1/0"], ids["court/2/0"])))
    decide(database, "person", (pair[0], pair[1]), "unsure", decided_by="clerk")
    resolve(database, SETTINGS)
    assert draw(database, PERSON, 100) == 1
    assert to_judge(database, PERSON, 100) == [pair]
    decide(database, "person", (pair[0], pair[1]), "unsure", decided_by="clerk")
    assert to_judge(database, PERSON, 100) == []


def test_a_sample_of_no_size_is_refused(database: Engine) -> None:
    with pytest.raises(RequestError, match="cannot be drawn"):
        draw(database, PERSON, 0)
