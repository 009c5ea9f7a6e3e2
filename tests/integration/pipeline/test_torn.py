"""A mention that may be either of two joins neither, whoever came first, and follows when a rival comes, goes or is corrected."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from hub.settings import Settings
from matching.unions import Unions
from pipeline.relinking.relink import relink, swap
from pipeline.resolving.decisions import decide
from pipeline.resolving.resolve import resolve
from pipeline.resolving.reviews import open_tasks
from tests.integration.pipeline.resolving import (
    SETTINGS,
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
    settle,
)

ONE = record("police", "1", firm("嘉华物业有限公司", uscc=credit_code(1)))
OTHER = record("court", "2", firm("嘉华物业有限公司", uscc=credit_code(2)))
BARE = record("labour", "3", firm("嘉华物业"))
APART = {frozenset({"police/1/0"}), frozenset({"court/2/0"}), frozenset({"labour/3/0"})}
TOGETHER = {frozenset({"police/1/0", "labour/3/0"})}
WITH_ONE = {frozenset({"police/1/0", "labour/3/0"}), frozenset({"court/2/0"})}
WITH_OTHER = {frozenset({"police/1/0"}), frozenset({"court/2/0", "labour/3/0"})}


def firms(engine: Engine) -> set[frozenset[str]]:
    return clusters(parties(engine, "organisation"))


def torn(engine: Engine) -> set[frozenset[str]]:
    """Pairs that wait for a person because one of them might as well be another, by name."""
    name_of = {number: name for name, number in party_ids(engine).items()}
    return {frozenset({name_of[task.left], name_of[task.right]}) for task in open_tasks(engine) if task.rival is not None}


def outcome(engine: Engine) -> tuple[list[set[frozenset[str]]], set[frozenset[frozenset[str]]]]:
    """Clusters, and between which of them something is torn: of mentions that are alike any may have the link."""
    of = [parties(engine, kind) for kind in ("person", "organisation")]
    cluster_of = {name: group for members in of for group in clusters(members) for name in group}
    return [clusters(members) for members in of], {frozenset(cluster_of[name] for name in pair) for pair in torn(engine)}


def as_at_once(engine: Engine, home: Path) -> bool:
    """Whether linking everything anew comes to what lives."""
    return all(one.records.is_empty() for one in relink(engine, Settings(home=home)))


@pytest.mark.parametrize("chunk", [1, 2000])
@pytest.mark.parametrize("order", list(itertools.permutations([ONE, OTHER, BARE])))
def test_it_joins_neither_in_any_order(database: Engine, tmp_path: Path, order: tuple[Record, ...], chunk: int) -> None:
    for one in order:
        settle(database, one, chunk=chunk)
    assert firms(database) == APART
    assert torn(database) == {frozenset({"police/1/0", "labour/3/0"}), frozenset({"court/2/0", "labour/3/0"})}
    assert as_at_once(database, tmp_path)
    assert invariants(database) == []


def test_it_leaves_when_a_rival_comes_and_returns_when_that_goes(database: Engine, tmp_path: Path) -> None:
    settle(database, ONE, BARE)
    before = parties(database, "organisation")
    assert firms(database) == TOGETHER
    settle(database, OTHER)
    assert firms(database) == APART
    settle(database, record("court", "2", is_deleted=True))
    assert parties(database, "organisation") == before
    assert torn(database) == set()
    assert as_at_once(database, tmp_path)
    assert invariants(database) == []


def test_all_are_one_once_the_rivals_number_is_corrected(database: Engine, tmp_path: Path) -> None:
    settle(database, ONE, OTHER, BARE)
    settle(database, record("court", "2", firm("嘉华物业有限公司", uscc=credit_code(1))))
    assert len(firms(database)) == 1
    assert torn(database) == set()
    settle(database, OTHER)
    assert firms(database) == APART
    assert as_at_once(database, tmp_path)
    assert invariants(database) == []


def test_a_number_of_its_own_says_whose_it_is(database: Engine, tmp_path: Path) -> None:
    settle(database, ONE, OTHER, BARE)
    settle(database, record("labour", "3", firm("嘉华物业", uscc=credit_code(2))), keeps_names=True)
    assert firms(database) == WITH_OTHER
    settle(database, BARE, keeps_names=True)
    assert firms(database) == APART
    assert as_at_once(database, tmp_path)
    assert invariants(database) == []


def test_a_rival_that_a_number_comes_to_or_leaves(database: Engine, tmp_path: Path) -> None:
    plain = record("court", "2", firm("嘉华物业有限公司"))
    settle(database, ONE, plain, BARE)
    assert len(firms(database)) == 1
    settle(database, OTHER, keeps_names=True)
    assert firms(database) == APART
    settle(database, plain, keeps_names=True)
    assert len(firms(database)) == 1
    assert as_at_once(database, tmp_path)
    assert invariants(database) == []


@pytest.mark.parametrize(("verdict", "groups"), [("yes", WITH_ONE), ("no", WITH_OTHER), ("unsure", APART)])
def test_what_a_person_says_decides_it(database: Engine, tmp_path: Path, verdict: Any, groups: set[frozenset[str]]) -> None:
    settle(database, ONE, OTHER, BARE)
    ids = party_ids(database)
    decide(database, "organisation", (ids["police/1/0"], ids["labour/3/0"]), verdict, decided_by="clerk")
    resolve(database, SETTINGS)
    assert firms(database) == groups
    assert torn(database) == ({frozenset({"court/2/0", "labour/3/0"})} if verdict == "unsure" else set())
    assert as_at_once(database, tmp_path)
    settle(database, record("court", "2", is_deleted=True))
    assert firms(database) == ({frozenset({"police/1/0"}), frozenset({"labour/3/0"})} if verdict == "no" else TOGETHER)
    assert torn(database) == set()
    assert as_at_once(database, tmp_path)
    assert invariants(database) == []


def test_more_of_its_kind_stay_with_it(database: Engine, tmp_path: Path) -> None:
    settle(database, ONE, OTHER, BARE)
    settle(database, record("housing", "4", firm("嘉华物业")), record("police", "5", firm("嘉华物业有限公司", uscc=credit_code(1))))
    alike, same = frozenset({"labour/3/0", "housing/4/0"}), frozenset({"police/1/0", "police/5/0"})
    assert firms(database) == {alike, same, frozenset({"court/2/0"})}
    assert as_at_once(database, tmp_path)
    settle(database, record("court", "2", is_deleted=True))
    assert firms(database) == {alike | same}
    assert as_at_once(database, tmp_path)
    assert invariants(database) == []


def test_a_store_in_which_the_first_link_decided_is_put_right(database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a former version of this software left it."""
    with monkeypatch.context() as patched:
        patched.setattr(Unions, "_is_left", lambda *ends: False)
        settle(database, ONE, OTHER, BARE)
    assert firms(database) in (WITH_ONE, WITH_OTHER)
    assert not as_at_once(database, tmp_path)
    swap(database, SETTINGS, relink(database, Settings(home=tmp_path)))
    assert firms(database) == APART
    assert len(torn(database)) == 2
    assert as_at_once(database, tmp_path)


@pytest.mark.parametrize("chunk", [1, 2000])
def test_a_masked_name_beside_father_and_son(database: Engine, tmp_path: Path, chunk: int) -> None:
    phone = "13912340001"
    settle(
        database,
        record("police", "1", person("王建国", phone=phone, id_no=id_number(1, "19600101"))),
        record("court", "2", person("王建军", phone=phone)),
        record("labour", "3", person("王先生", phone=phone)),
        chunk=chunk,
    )
    assert clusters(parties(database)) == APART
    assert as_at_once(database, tmp_path)
    settle(database, record("court", "2", is_deleted=True))
    assert clusters(parties(database)) == TOGETHER
    assert invariants(database) == []


_NAMES = ("嘉华物业", "嘉华物业有限公司", "深圳市嘉华物业有限公司", "东莞市嘉华物业", "嘉华物业服务有限公司")


def _drawn(dice: random.Random, number: str) -> Record:
    code = dice.choice([None, None, None, credit_code(1), credit_code(2), credit_code(3)])
    phone = dice.choice(["13912340001", "13912340002"])
    resident = dice.choice([None, None, id_number(1), id_number(2, "19750505")])
    mention = person(dice.choice(["王建国", "王建军", "王先生", "王**"]), phone=phone, id_no=resident)
    return record(dice.choice(["police", "court"]), number, firm(dice.choice(_NAMES), uscc=code), mention)


@hypothesis.settings(
    max_examples=8, phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck)
)
@hypothesis.example(seed=1183840, chunk=2000)
@given(seed=st.integers(0, 2**32 - 1), chunk=st.sampled_from([1, 3, 2000]))
def test_what_comes_and_goes_in_any_order_comes_to_what_the_last_versions_say(database: Engine, seed: int, chunk: int) -> None:
    dice = random.Random(seed)
    standing: dict[tuple[str, str], Record] = {}
    cleared(database)
    for _ in range(4):
        revised = {}
        for number in dice.sample("12345678", dice.randint(1, 4)):
            one = _drawn(dice, number)
            key = one.department, number
            if key in standing and dice.random() < 0.3:
                one = record(*key, is_deleted=True)
            revised[key] = one
        standing |= revised
        settle(database, *revised.values(), chunk=chunk, keeps_names=True)
        assert invariants(database) == []
    found = outcome(database)
    cleared(database)
    settle(database, *(one for _, one in sorted(standing.items()) if not one.is_deleted))
    assert found == outcome(database)
