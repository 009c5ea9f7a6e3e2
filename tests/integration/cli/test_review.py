"""`casehub review` and `casehub match` on the store, through the commands themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli import match_store, review
from cli.acting import acting
from cli.main import app
from hub.errors import NotFound, RequestError
from matching.model import Model
from matching.model_file import read_model
from pipeline.resolving import links
from pipeline.resolving.decisions import decide
from pipeline.resolving.models import load_model
from pipeline.resolving.resolve import resolve
from pipeline.resolving.reviews import open_task
from tests.integration.pipeline.resolving import SETTINGS, clusters, credit_code, firm, id_number, parties, person, record, rows, settle

FOR = ("--purpose", "verification", "--reference", "LD-7")
BY_PHONE = person("欧阳震华", phone="13912340001")
BY_NUMBER = person("欧阳震华", id_no=id_number(1), phone="13912340001")


@pytest.fixture(autouse=True)
def doubtful(monkeypatch: pytest.MonkeyPatch, database: Engine) -> None:
    """A store with one doubtful pair of persons, the model being a cautious one."""

    @contextlib.contextmanager
    def store() -> Iterator[Engine]:
        with acting(database):
            yield database

    def model(relation: str) -> Model:
        return replace(load_model(relation), link=30.0, review=-5.0) if relation == "person" else load_model(relation)

    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(links, "load_model", model)
    for command in (review, match_store):
        monkeypatch.setattr(command, "store", store)
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_PHONE))


def casehub(*words: str, input: str = "") -> str:
    result = CliRunner().invoke(app, list(words), input=input)
    if result.exception is not None:
        raise result.exception
    return result.output


def task(database: Engine) -> str:
    return str(rows(database, "SELECT task_id FROM store.review_task WHERE relation = 'person' AND state = 'open'")[0])


def test_why_a_pair_waits_is_told(database: Engine) -> None:
    two = (record(department, "7", firm("嘉华物业有限公司", uscc=credit_code(n))) for n, department in enumerate(("police", "court")))
    settle(database, *two, record("labour", "8", firm("嘉华物业")))
    listed = casehub("review", "list")
    assert listed.count("两可") == 2
    assert listed.count("证据不足") == 1
    number = rows(database, "SELECT min(task_id) FROM store.review_task WHERE relation = 'organisation' AND state = 'open'")[0]
    shown = casehub("review", "show", str(number))
    assert "两可：labour/8/0 同样可能是另一个：" in shown
    left, right = (shown.split("是另一个：")[1].startswith(name) for name in ("police/7/0", "court/7/0"))
    assert left != right
    assert casehub("review", "next", "--relation", "organisation", input="y\nq\n").count("labour/8/0 同样可能") == 2
    assert "两可" not in casehub("review", "show", task(database))


def test_a_task_is_listed_shown_and_decided(database: Engine) -> None:
    listed = casehub("review", "list", "--relation", "person")
    assert "police/1/0" in listed and "court/2/0" in listed
    shown = casehub("review", "show", task(database))
    assert "phone" in shown and "█" in shown and "待复核" in shown
    assert "recorded: yes" in casehub("review", "decide", task(database), "yes", "--reason", "same household book")
    resolve(database, SETTINGS)
    assert len(clusters(parties(database))) == 1
    assert "police/1/0" not in casehub("review", "list")


def test_personal_values_are_masked_unless_asked_for(database: Engine) -> None:
    shown, clear = casehub("review", "show", task(database)), casehub("review", "show", task(database), "--clear", *FOR)
    for value in ("欧阳震华", "13912340001", id_number(1)):
        assert value not in shown
        assert value in clear
    assert "139****0001" in shown


@pytest.mark.parametrize(
    "words",
    [("review", "show", "TASK"), ("review", "next"), ("match", "explain", "police/1/0", "court/2/0", "--relation", "person")],
    ids=["show", "next", "explain"],
)
def test_what_is_shown_in_the_clear_is_shown_for_a_purpose(database: Engine, words: tuple[str, ...]) -> None:
    words = tuple(task(database) if word == "TASK" else word for word in words)
    said = ("--purpose", "handling", "--reference")
    for given in ((), ("--purpose", "curiosity", "--reference", "LD-7"), (*said, " "), (*said, "7" * 101), (*said, "LD\n7")):
        with pytest.raises(RequestError, match="what for"):
            casehub(*words, "--clear", *given)
    assert BY_PHONE["name"] in casehub(*words, "--clear", *FOR, input="q\n")
    written = rows(database, "SELECT concat_ws(' ', outcome, purpose, case_reference) FROM audit.access ORDER BY access_id DESC LIMIT 2")
    assert written == ["0 verification LD-7"] * 2  # before it was shown, and at the end


def test_texts_of_records_are_shown_without_the_persons_they_name(database: Engine) -> None:
    settle(
        database,
        record("petition", "7", person("欧阳震华"), title="欧阳震华反映噪音", text="欧阳震华称楼下施工"),
        record("labour", "8", person("司马相如"), title="司马相如与欧阳震华争执"),
    )
    told = casehub("match", "explain", "petition/7", "labour/8", "--relation", "case")
    assert "噪音" in told
    assert "争执" in told
    assert not any(name in told for name in ("震华", "相如"))
    assert "震华" in casehub("match", "explain", "petition/7", "labour/8", "--relation", "case", "--clear", *FOR)


def test_tasks_come_one_after_another_until_there_are_none(database: Engine) -> None:
    assert "judged 0 pairs" in casehub("review", "next", "--relation", "person", input="x\nq\n")
    assert "judged 0 pairs" in casehub("review", "next", "--relation", "person", input="s\n")
    assert "judged 1 pairs" in casehub("review", "next", "--relation", "person", input="n\n")
    resolve(database, SETTINGS)
    assert "no pairs wait" in casehub("review", "next", "--relation", "person")
    assert len(clusters(parties(database))) == 2


@pytest.mark.parametrize(("is_applied", "state"), [(False, "has been decided"), (True, "is closed")], ids=["waiting", "applied"])
def test_a_task_that_a_colleague_decided_while_it_was_shown_is_told(
    database: Engine, monkeypatch: pytest.MonkeyPatch, is_applied: bool, state: str
) -> None:
    number = int(task(database))

    def answer_late() -> str:
        found = open_task(database, number)
        decide(database, "person", (found.left, found.right), "no", decided_by="colleague")
        if is_applied:
            resolve(database, SETTINGS)
        return "u"

    monkeypatch.setattr(review, "_answer", answer_late)
    told = casehub("review", "next", "--relation", "person")
    assert state in told and "judged 0 pairs" in told
    assert rows(database, "SELECT verdict, decided_by FROM ops.decision") == [("no", "colleague")]
    assert "police/1/0" not in casehub("review", "list")
    assert "no pairs wait" in casehub("review", "next", "--relation", "person")


def test_a_refusal_and_a_name_keep_their_brackets(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RequestError("the pair [/x] is closed", remedy="name [left, right]")

    settle(database, record("police", "[/1]", BY_NUMBER), record("court", "[red]2", BY_PHONE))
    for command in (("review", "list"), ("review", "weak", "--relation", "person")):
        assert "police/[/1]/0" in casehub(*command)
    assert "court/[red]2/0" in casehub("match", "explain", "police/[/1]/0", "court/[red]2/0", "--relation", "person")
    monkeypatch.setattr("pipeline.resolving.decisions.decide", refuse)
    assert "the pair [/x] is closed: name [left, right]" in casehub("review", "next", "--relation", "person", "--limit", "1", input="y\n")


def test_any_pair_can_be_judged_and_one_taken_apart(database: Engine) -> None:
    casehub("review", "pair", "police/1/0", "court/2/0", "yes", "--relation", "person")
    resolve(database, SETTINGS)
    assert len(clusters(parties(database))) == 1
    assert "kept apart from 1" in casehub("review", "apart", "court/2/0", "--relation", "person")
    resolve(database, SETTINGS)
    assert len(clusters(parties(database))) == 2


def test_a_closed_task_is_told(database: Engine) -> None:
    number = task(database)
    casehub("review", "decide", number, "no")
    resolve(database, SETTINGS)
    with pytest.raises(NotFound, match="is closed"):
        casehub("review", "show", number)
    with pytest.raises(NotFound, match="does not exist"):
        casehub("review", "show", "987654")


def test_links_are_drawn_judged_and_counted(database: Engine) -> None:
    settle(database, record("labour", "3", BY_NUMBER))
    assert "no links were drawn" in casehub("match", "evaluate", "--relation", "person")
    assert "drew 1 links" in casehub("match", "sample", "--relation", "person", "--size", "10")
    assert "judged 1 pairs" in casehub("review", "next", "--sampled", "--relation", "person", input="y\n")
    told = casehub("match", "evaluate", "--relation", "person")
    assert "1.000" in told and "link" in told


def test_what_hangs_by_one_link_is_told(database: Engine) -> None:
    settle(database, record("labour", "3", BY_NUMBER), record("health", "4", person("诸葛明月", phone="13912340002")))
    told = casehub("review", "weak", "--relation", "person")
    assert "police/1/0" in told and "labour/3/0" in told
    assert "health" not in told
    casehub("review", "pair", "police/1/0", "labour/3/0", "yes", "--relation", "person")
    resolve(database, SETTINGS)
    assert "police/1/0" not in casehub("review", "weak", "--relation", "person")


def test_what_hangs_by_the_engines_link_is_told_where_a_person_made_a_fainter_one(database: Engine) -> None:
    settle(database, record("labour", "3", BY_NUMBER))
    casehub("review", "pair", "police/1/0", "court/2/0", "yes", "--relation", "person")
    resolve(database, SETTINGS)
    assert clusters(parties(database, "person")) == {frozenset({"police/1/0", "court/2/0", "labour/3/0"})}
    told = casehub("review", "weak", "--relation", "person")
    assert "police/1/0" in told and "labour/3/0" in told and "court/2/0" not in told


def test_two_of_the_store_are_explained_by_their_names(database: Engine) -> None:
    told = casehub("match", "explain", "police/1/0", "court/2/0", "--relation", "person")
    assert "phone" in told and "待复核" in told and "13912340001" not in told
    with pytest.raises(RequestError, match="nothing to look at"):
        casehub("match", "explain", "police/1/0", "court/2/0")


def test_weights_are_moved_to_what_people_said_and_written_as_the_next_version(database: Engine, tmp_path: Path) -> None:
    casehub("review", "pair", "police/1/0", "court/2/0", "no", "--relation", "person")
    told = casehub("match", "train", "--relation", "person", "--to", str(tmp_path / "person.yml"))
    assert "1 条复核结果" in told and "phone" in told
    assert int(read_model(tmp_path / "person.yml").version) == int(load_model("person").version) + 1
    assert (tmp_path / "person.yml").stat().st_mode & 0o777 == 0o600
    with pytest.raises(RequestError, match="cannot be written"):
        casehub("match", "train", "--relation", "person", "--to", str(tmp_path / "person.txt"))
