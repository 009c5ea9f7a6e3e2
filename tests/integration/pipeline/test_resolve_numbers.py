"""Two valid numbers are two persons or firms, whichever mention a number comes to, goes from or comes back to, and when."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from hub.settings import Settings
from pipeline.relinking.relink import relink, swap
from pipeline.resolving.decisions import decide
from pipeline.resolving.resolve import resolve
from tests.integration.pipeline import resolving
from tests.integration.pipeline.resolving import (
    SETTINGS,
    Party,
    Record,
    cleared,
    clusters,
    credit_code,
    firm,
    id_number,
    invariants,
    parties,
    party_ids,
    person,
    record,
)

ONE, OTHER = id_number(1), id_number(2, born="19750505")
HOME = "马田街道将石社区南环大道12号3栋1201"
# The first and the last share no blocking key: what the middle one shares with each joins the three.
BY_PHONE = {"name": "欧阳震华", "phone": "13912340001"}
BETWEEN = {"name": "欧阳震华", "phone": "13912340001", "address": HOME}
BY_HOME = {"name": "欧阳震华", "address": HOME}


def settle(engine: Engine, *records: Record, chunk: int = 2000) -> None:
    """A mention that a number comes to, or leaves, is the same one."""
    resolving.settle(engine, *records, chunk=chunk, keeps_names=True)


def test_a_number_that_came_to_a_mention_keeps_another_out(database: Engine) -> None:
    settle(database, record("police", "1", person(**BY_PHONE)), record("court", "2", person(**BETWEEN)))
    before, ids = parties(database), party_ids(database)
    assert len(set(before.values())) == 1
    settle(database, record("police", "1", person(**BY_PHONE, id_no=ONE)))
    assert (parties(database), party_ids(database)) == (before, ids)
    assert invariants(database) == []
    settle(database, record("labour", "3", person(**BY_HOME, id_no=OTHER)))
    assert parties(database)["police/1/0"] != parties(database)["labour/3/0"]
    assert invariants(database) == []


@pytest.mark.parametrize("chunk", [1, 2000])
def test_two_that_a_third_joined_part_when_each_has_a_number(database: Engine, chunk: int) -> None:
    settle(
        database,
        record("police", "1", person(**BY_PHONE)),
        record("court", "2", person(**BETWEEN)),
        record("labour", "3", person(**BY_HOME)),
    )
    assert len(clusters(parties(database))) == 1
    settle(
        database, record("police", "1", person(**BY_PHONE, id_no=ONE)), record("labour", "3", person(**BY_HOME, id_no=OTHER)), chunk=chunk
    )
    assert parties(database)["police/1/0"] != parties(database)["labour/3/0"]
    assert invariants(database) == []


def test_a_number_that_is_withdrawn_keeps_nobody_apart_any_more(database: Engine) -> None:
    settle(
        database,
        record("police", "1", person(**BY_PHONE, id_no=ONE)),
        record("court", "2", person(**BETWEEN)),
        record("labour", "3", person(**BY_HOME, id_no=OTHER)),
    )
    assert len(clusters(parties(database))) == 3  # the one between them may be either
    settle(database, record("police", "1", person(**BY_PHONE)))
    assert len(clusters(parties(database))) == 1
    assert invariants(database) == []
    settle(database, record("police", "1", person(**BY_PHONE, id_no=ONE)))
    assert len(clusters(parties(database))) == 3
    assert invariants(database) == []


def test_a_number_that_another_member_states_too_is_not_withdrawn(database: Engine) -> None:
    settle(database, record("police", "1", person(**BY_PHONE, id_no=ONE)), record("court", "2", person(**BETWEEN, id_no=ONE)))
    settle(database, record("police", "1", person(**BY_PHONE)))
    assert invariants(database) == []
    settle(database, record("labour", "3", person(**BY_HOME, id_no=OTHER)))
    assert len(clusters(parties(database))) == 2
    assert invariants(database) == []


def test_a_firm_whose_code_comes_later_is_no_other(database: Engine) -> None:
    name = "深圳市维珍妮鞋业有限公司"
    settle(database, record("police", "1", firm(name)), record("court", "2", firm(name)))
    settle(database, record("police", "1", firm(name, uscc=credit_code(1))))
    assert invariants(database) == []
    settle(database, record("labour", "3", firm(name, uscc=credit_code(2))))
    of = parties(database, "organisation")
    assert of["police/1/0"] != of["labour/3/0"]
    assert invariants(database) == []


def _mentions(dice: random.Random) -> list[Party]:
    """A person and a firm as a record may mention them: in part, and with one of two numbers, or none."""
    marks = dice.choice([BY_PHONE, BETWEEN, BY_HOME])
    code = dice.choice([None, None, credit_code(1), credit_code(2)])
    return [person(**marks, id_no=dice.choice([None, None, ONE, OTHER])), firm("深圳市维珍妮鞋业有限公司", uscc=code)]


def _next_version(dice: random.Random, number: str, standing: Record | None) -> Record:
    if standing is not None and not standing.is_deleted and dice.random() < 0.2:
        return record("police", number, is_deleted=True)
    values: dict[str, Any] = {"text": None}
    return record("police", number, *_mentions(dice), **values)


@hypothesis.settings(
    max_examples=6, phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck)
)
@hypothesis.example(seed=9949285, chunk=2)  # a firm without a code beside two of its name
@given(seed=st.integers(0, 2**32 - 1), chunk=st.sampled_from([2, 2000]))
def test_numbers_that_come_and_go_in_any_order_come_to_what_the_last_versions_say(database: Engine, seed: int, chunk: int) -> None:
    """Numbers are added, withdrawn and changed, records go and return, pairs are parted: as if the last versions had come alone."""
    dice = random.Random(seed)
    standing: dict[str, Record] = {}
    cleared(database)
    for _ in range(5):
        numbers = dice.sample("12345", dice.randint(1, 3))
        revised = {number: _next_version(dice, number, standing.get(number)) for number in numbers}
        standing |= revised
        settle(database, *revised.values(), chunk=chunk)
        assert invariants(database) == []
    found = [clusters(parties(database, kind)) for kind in ("person", "organisation")]
    cleared(database)
    settle(database, *(one for _, one in sorted(standing.items()) if not one.is_deleted))
    assert found == [clusters(parties(database, kind)) for kind in ("person", "organisation")]


def test_what_is_taken_apart_after_a_number_came_keeps_its_own(database: Engine) -> None:
    settle(database, record("police", "1", person(**BY_PHONE)), record("court", "2", person(**BETWEEN)))
    settle(database, record("police", "1", person(**BY_PHONE, id_no=ONE)))
    ids = party_ids(database)
    decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), "no", decided_by="clerk")
    resolve(database, SETTINGS)
    assert len(clusters(parties(database))) == 2
    assert invariants(database) == []


def test_two_persons_that_become_one_have_the_number_of_either(database: Engine) -> None:
    settle(database, record("police", "1", person(**BY_PHONE)), record("labour", "3", person(**BY_HOME)))
    settle(database, record("labour", "3", person(**BY_HOME, id_no=OTHER)))
    settle(database, record("court", "2", person(**BETWEEN)), chunk=1)
    assert len(clusters(parties(database))) == 1
    assert invariants(database) == []


@pytest.mark.parametrize("kept", [None, 7], ids=["without", "another"])
def test_an_entity_that_the_store_knows_by_another_number_is_found_and_put_right(
    database: Engine, tmp_path: Path, kept: int | None
) -> None:
    """Of a number that came to a mention, or went, a former version of this software left the entity's as it was."""
    settle(database, record("police", "1", person(**BY_PHONE, id_no=ONE)), record("court", "2", person(**BETWEEN)))
    if kept is not None:
        settle(database, record("police", "1", person(**BY_PHONE)))
    with database.begin() as connection:
        connection.execute(text("UPDATE store.person SET identifier_hash = :kept"), {"kept": kept})
    settings = Settings(home=tmp_path)
    found = relink(database, settings)
    assert [len(one.misnumbered) for one in found] == [2, 0, 0]
    assert all(one.difference.changed.is_empty() for one in found)
    swap(database, settings, found)
    assert [one.records.to_list() for one in relink(database, settings)] == [[], [], []]
    assert invariants(database) == []
