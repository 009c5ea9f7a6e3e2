"""A simulated district taken in twice, in the clear and encrypted: the same cases, the same answers, and no number left to be read."""

from __future__ import annotations

import csv
import datetime as dt
import re
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from api.audit.subject import find_subject
from api.departments import directory_of
from api.inbox import Push, keep, require_signed
from api.recognise import Kind, recognise
from cli.demo_verdict import good_rows_refused
from connectors.contract_files import load_contracts
from hub.encryption import using
from hub.settings import Settings
from pipeline.export import membership
from pipeline.run import run_pass
from simulator.serve import Servers, Systems
from simulator.world import build_world
from tests.integration.api.builders import Api, as_of, running_api_of
from tests.integration.encryption.builders import places_of, ring
from tests.integration.pipeline.builders import require_the_law

RECORDS, TICKS = 300, 2
PUSHING = "emergency_management"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BEGAN = dt.datetime.now(dt.UTC)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$")  # when resolve worked: records tell whole seconds
_NUMBERS = """
SELECT DISTINCT v FROM store.party p CROSS JOIN LATERAL (VALUES (p.phone), (p.id_no)) t (v) WHERE v IS NOT NULL AND length(v) >= 8
"""


class District:
    """Two stores of one simulated district."""

    def __init__(self, clear: Engine, encrypted: Engine, folder: Path) -> None:
        self.clear, self.encrypted, self.folder = clear, encrypted, folder
        self.ring = ring()
        self.contracts = list(load_contracts().values())
        self.directory = directory_of(self.contracts)

    def take_in(self) -> None:
        """All of it, with later versions."""
        with (
            Systems(build_world(RECORDS, seed=11), self.folder / "systems", servers=Servers()) as systems,
            pytest.MonkeyPatch.context() as env,
        ):
            for name, value in systems.environment().items():
                env.setenv(name, value)
            for tick in range(TICKS + 1):
                systems.advance(tick)
                bursts = [
                    Push(one.body, {name.lower(): value for name, value in one.headers.items()}) for one in systems.events.sender.bursts()
                ]
                for engine, keys in ((self.clear, None), (self.encrypted, self.ring)):
                    with using(keys):
                        self._pass(engine, bursts)
                        if tick == 0:
                            require_the_law(engine)
                            truth = {name: Path(path) for name, path in systems.write_truth().items()}
                            assert good_rows_refused(engine, truth) == {}

    def _pass(self, engine: Engine, bursts: list[Push]) -> None:
        """A pass that every department comes through."""
        settings = Settings(home=self.folder, run_departments=1)  # in one order, so that ids are given in one order
        for push in bursts:
            keep(engine, PUSHING, require_signed(self.directory.get(PUSHING), push), push.body)
        report = run_pass(engine, self.contracts, settings)
        assert {failure.department: failure.message for failure in report.failures} == {}
        assert {batch.department: batch.state for batch in report.batches} == dict.fromkeys(load_contracts(), "done")

    def numbers(self) -> list[str]:
        with self.clear.connect() as connection:
            return sorted(connection.execute(text(_NUMBERS)).scalars())


@pytest.fixture
def district(two_stores: tuple[Engine, Engine], tmp_path: Path) -> District:
    made = District(*two_stores, tmp_path)
    made.take_in()
    return made


def members(engine: Engine, path: Path) -> list[dict[str, str]]:
    membership(engine, path)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def names_of_ids(rows: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    """Kind → ids of that kind → what they hold: ids differ from store to store."""
    held: dict[str, dict[str, set[str]]] = {kind: defaultdict(set) for kind in ("cases", "persons", "organisations")}
    for row in rows:
        name = f"{row['department']}/{row['source_record_id']}"
        held["cases"][row["case_id"]].add(name)
        for kind in ("persons", "organisations"):
            if row[f"{kind[:-1]}_id"]:
                held[kind][row[f"{kind[:-1]}_id"]].add(f"{name}/{row['ordinal']}")
    return {kind: {one: "+".join(sorted(names)) for one, names in of_kind.items()} for kind, of_kind in held.items()}


@pytest.mark.timeout(600)  # two districts, and a thousand questions to each
def test_the_same_district_in_the_clear_and_encrypted(district: District, tmp_path: Path) -> None:
    stores = {"clear": (district.clear, None), "encrypted": (district.encrypted, district.ring)}
    found: dict[str, Any] = {}
    for name, (engine, keys) in stores.items():
        with using(keys):
            rows = members(engine, tmp_path / f"{name}.csv")
            named = names_of_ids(rows)
            ids = {one: name for of_kind in named.values() for one, name in of_kind.items()}
            found[name] = (
                [{column: ids.get(value, value) for column, value in row.items()} for row in rows],
                answers(district, engine, named, ids),
            )
    assert found["clear"][0] == found["encrypted"][0]
    for question, answer in found["clear"][1].items():
        assert found["encrypted"][1][question] == answer, question
    numbers = district.numbers()
    assert len(numbers) > 100
    everywhere = {"store.party.phone", "store.party.id_no", "store.golden_record.contents", "ops.inbox.body", "ops.lookup.result"}
    found_in = places_of(district.clear, numbers).keys()
    assert found_in >= everywhere
    assert any(re.fullmatch(r"landing\.record_p\d\.payload", place) for place in found_in)
    assert places_of(district.encrypted, numbers) == {}


def answers(district: District, engine: Engine, named: dict[str, dict[str, str]], ids: dict[str, str]) -> dict[str, Any]:
    """What the API says to a clerk with a purpose, to a system without a department, and to auditors, free of ids and times."""
    told: dict[str, Any] = {}
    with ExitStack() as stack:
        api = stack.enter_context(running_api_of(engine, district.directory))
        clerk, system = api.as_("clerk", "labour"), api.as_("system", "court")
        for place, number in enumerate(district.numbers()[::13]):
            for who, client in (("clerk", clerk), ("system", system)):
                told[f"{who}, number {place}"] = plain(client.find(q=number, limit=50), ids)
                told[f"{who}, its end {place}"] = plain(client.find(q=number[-4:], limit=50), ids)
            told[f"clerk, long end {place}"] = plain(clerk.find(q=number[-6:], limit=50), ids)
        asked = {"cases": "parties,timeline,links", "persons": "history", "organisations": "history"}
        for kind, parts in asked.items():
            for one in sorted(named[kind], key=ids.__getitem__)[::4]:
                told[f"{kind} {ids[one]}"] = plain(asked_for(clerk, kind, one, include=parts), ids)
                if kind == "cases":
                    told[f"{ids[one]} then"] = plain(asked_for(clerk, kind, one, include="parties", as_of=as_of(TICKS)), ids)
            for other in asked.keys() - {kind}:
                told[f"{other} {ids[one]}, which are {kind}"] = asked_for(clerk, other, one)
        assert all(any(isinstance(told[name], dict) for name in told if name.startswith(kind)) for kind in asked)
        told |= bulk_answers(district, api, ids)
    return told


def asked_for(clerk: Api, kind: str, one: str, **query: str) -> Any:
    """What is answered of an id, or with which status it is not."""
    answer = clerk.get(f"/v1/{kind}/{one}", params=query)
    return answer.json() if answer.status_code == 200 else answer.status_code


def bulk_answers(district: District, api: Api, ids: dict[str, str]) -> dict[str, Any]:
    """What a department's system is told in bulk, and what auditors are told of whom was looked at."""
    clerk = api.as_("clerk", "labour")
    told: dict[str, Any] = {}
    numbers = district.numbers()
    for place, number in enumerate(numbers[::9]):
        party = {"kind": "person", "name": "王小明"} | ({"phone": number} if len(number) == 11 else {"id_no": number})
        answer = clerk.post("/v1/match", json={"parties": [party]})
        told[f"match {place}"] = (answer.status_code, plain(answer.json() if answer.is_success else None, ids))
    assert any(answer and answer["parties"][0]["candidates"] for _, answer in told.values())
    export = clerk.post("/v1/cases/export", json={"format": "csv", "receiver": "督查科"})
    told["export"] = (export.status_code, plain(export.text.splitlines()[1:-1], ids))
    sheet = "号码\n" + "\n".join(numbers[::5])
    job = clerk.post("/v1/lookups", params={"columns": "号码=entry"}, content=sheet.encode(), headers={"Content-Type": "text/csv"}).json()
    told["lookup"] = plain(finished(clerk, job["lookup_id"]).splitlines(), ids)
    with api.store.engine.connect() as connection:
        for place, number in enumerate(one for one in numbers if recognise(one).kind is Kind.ID_NUMBER):
            subject = find_subject(connection, number)
            told[f"subject {place}"] = plain([*map(str, subject.persons), *map(str, subject.cases)], ids)
    return told


def finished(client: Api, lookup_id: str) -> str:
    """The file of a batch look-up."""
    deadline = time.monotonic() + 60
    while client.get(f"/v1/lookups/{lookup_id}").json()["state"] != "done":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return client.get(f"/v1/lookups/{lookup_id}/result").text


def plain(answer: Any, ids: dict[str, str]) -> Any:
    """An answer with names for ids, and without what differs from one run to the next."""
    if isinstance(answer, dict):
        return {
            key: plain(value, ids)
            for key, value in sorted(answer.items())
            if key not in ("next_cursor", "request_id", "as_of_change", "change_number", "version_tag")
        }
    if isinstance(answer, list):
        return sorted((plain(one, ids) for one in answer), key=repr)
    if not isinstance(answer, str):
        return answer
    return "now" if _is_of_this_run(answer) else _UUID.sub(lambda one: ids.get(one[0], "?"), answer)


def _is_of_this_run(answer: str) -> bool:
    """Whether it is a time at which something was done here, be it in the month after the one in which this began."""
    return _MOMENT.match(answer) is not None and dt.datetime.fromisoformat(answer) >= _BEGAN
