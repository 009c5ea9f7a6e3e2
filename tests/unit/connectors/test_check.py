"""`casehub sources`: all mistakes at once across contracts and code lists; what a preview shows and hides."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.sources import app
from connectors.check import check
from connectors.contract_files import DEPARTMENTS
from connectors.masking import mask_row, masked
from hub.settings import get_settings
from tests.unit.connectors.builders import make_contract, write_contract


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    """The command with the contracts of `tmp_path`, and no settings of this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CASEHUB_CONTRACTS", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    return CliRunner()


def messages(folder: Path, **arguments: Any) -> list[str]:
    return [str(problem).removeprefix(f"{folder}/") for problem in check([folder], **arguments).problems]


def test_the_hubs_own_contracts_have_no_mistake() -> None:
    checked = check([DEPARTMENTS])
    assert [str(problem) for problem in checked.problems] == []
    assert len(checked.contracts) == 16


def test_a_mistake_in_one_contract_is_told_of_that_one_alone(tmp_path: Path) -> None:
    write_contract(tmp_path, "police", department="police", references=[{"from": "ajmc", "to": "court"}])
    (tmp_path / "court.yml").write_text("kee: [id]\n")
    assert {message.split(":")[0] for message in messages(tmp_path)} == {"court.yml"}


def test_a_contract_without_a_mistake(tmp_path: Path) -> None:
    write_contract(tmp_path)
    assert messages(tmp_path) == []


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        pytest.param(
            {"record": {"category": {"from": "a", "codes": "nowhere"}}},
            "record.category.codes: there is no code list 'nowhere'",
            id="no code list",
        ),
        pytest.param({"record": {"category": {"const": "noize"}}}, "'noize' is no code of the hub → did you mean 'noise'?", id="constant"),
        pytest.param({"record": {"status": {"from": "a"}}}, "record.status: takes the source's own values", id="no codes"),
        pytest.param({"record": {"street": {"const": "440311009"}}}, "'440311009' is no code of the hub", id="street"),
        pytest.param({"record": {"title": {"path": "a.[b"}}}, "record.title.path: 'a.[b' is no JMESPath", id="path of a field"),
        pytest.param({"record": {"title": {"path": "姓名"}}}, "stand in double quotes", id="Chinese path"),
        pytest.param(
            {"parties": [{"role": "agent", "each": {"path": "a["}, "name": {"from": "b"}}]},
            "parties[0].each.path: 'a[' is no",
            id="path of a party",
        ),
        pytest.param({"references": [{"from": "a", "to": "cuort"}]}, "references[0].to: 'cuort' is no department", id="no department"),
        pytest.param(
            {"record": {"due_at": {"from": "a", "as": "datetime", "formats": ["%Y-%Q"]}}},
            "record.due_at.formats[0]: '%Y-%Q' is no time format",
            id="format",
        ),
        pytest.param(
            {"expectations": [{"type": "expect_column_values_to_be_null", "column": "ajmz", "on_failure": "warn"}]},
            "'ajmz' is neither mapped nor in ignore → did you mean 'ajmc'?",
            id="column that nobody mentions",
        ),
        pytest.param(
            {"connector": {"kind": "rest", "connection": "source", "path": "/x", "items": "a b"}},
            "connector.items: 'a b' is no JMESPath",
            id="items",
        ),
        pytest.param(
            {"connector": {"kind": "soap", "connection": "source", "path": "/x", "body": "{page}", "items": "//["}},
            "connector.items: '//[' is no XPath",
            id="XPath",
        ),
    ],
)
def test_mistakes_beyond_the_grammar(tmp_path: Path, overrides: dict[str, Any], words: str) -> None:
    write_contract(tmp_path, **overrides)
    (message,) = messages(tmp_path)
    assert all(part in message for part in re.split(": | → ", words))  # Chinese stands between them
    assert message.startswith("labour.yml:")
    assert not message.startswith("labour.yml:1:")


def test_codes_of_a_list_are_looked_up_in_the_hubs_own(tmp_path: Path) -> None:
    write_contract(tmp_path, record={"category": {"from": "a", "codes": "kinds"}})
    (tmp_path / "kinds.yml").write_text("list: kinds\ncodes: {1: noise, 2: noize, 3: ~}\ndefault: others\n", encoding="utf-8")
    assert [message.partition("gives ")[2].partition(",")[0] for message in messages(tmp_path)] == ["'noize'", "'others'"]


def test_all_mistakes_of_all_files_at_once(tmp_path: Path) -> None:
    write_contract(tmp_path, record={"category": {"const": "noize"}}, references=[{"from": "a", "to": "cuort"}])
    write_contract(tmp_path, "court", department="court", versoin=2)
    write_contract(tmp_path, "twice", department="labour")
    (tmp_path / "kinds.yml").write_text("list: kinds\n", encoding="utf-8")
    found = messages(tmp_path)
    assert [message.partition(":")[0] for message in found] == ["court.yml", "kinds.yml", "labour.yml", "labour.yml", "twice.yml"]


def test_connections_are_looked_at_if_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_contract(tmp_path)
    monkeypatch.delenv("CASEHUB_CONNECTION_SOURCE", raising=False)
    assert messages(tmp_path) == []
    (message,) = messages(tmp_path, connections=True)
    assert "CASEHUB_CONNECTION_SOURCE is not set" in message
    assert messages(tmp_path, connections=True, active={"court"}) == []
    assert messages(tmp_path, connections=True, active={"labour"}) == [message]
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", "sqlite:////x")
    assert messages(tmp_path, connections=True) == []


@pytest.mark.parametrize(
    ("auth", "more", "words"),
    [
        pytest.param("api_key", {}, "has no api_key", id="API key"),
        pytest.param("api_key", {"api_key": ""}, "has no api_key", id="empty API key"),
        pytest.param("api_key", {"api_key": "钥匙"}, "no header can carry", id="API key that no header carries"),
        pytest.param("basic", {}, "has no username and no password", id="name and password"),
        pytest.param("bearer", {"api_key": "k"}, "has no token", id="token"),
        pytest.param("oauth2_client_credentials", {"client_id": "c"}, "has no token_url and no client_secret", id="client credentials"),
        pytest.param(
            "oauth2_client_credentials",
            {"token_url": "here", "client_id": "c", "client_secret": "hunter2"},
            "token_url of CASEHUB_CONNECTION_SOURCE is no http URL",
            id="address of tokens",
        ),
        pytest.param("api_key", {"api_key": "k"}, None, id="all that is needed"),
        pytest.param("none", {}, None, id="nothing is needed"),
    ],
)
def test_a_connection_is_asked_for_what_its_authentication_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: str, more: dict[str, str], words: str | None
) -> None:
    write_contract(tmp_path, connector={"kind": "rest", "connection": "source", "path": "/x", "auth": auth})
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", json.dumps({"url": "https://host", **more}))
    found = messages(tmp_path, connections=True)
    assert len(found) == (words is not None)
    assert words is None or words in found[0]
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("mysql://reader:hunter2@host/db", "is no database URL that can be used", id="a driver that is not there"),
        pytest.param("postgresql+asyncpg://reader:hunter2@host/db", "is no database URL that can be used", id="a driver for asyncio"),
        pytest.param("mysql+pymysql://reader:hunter2@x@host/db", "has an @ in its password", id="an @ that is not written as %40"),
        pytest.param("mysql+pymysql://reader:hunter2@x/y@host/db", "has an @ in its password", id="an @ before a /"),
        pytest.param("mysql+pymysql://reader:hunter2%40x@host/db", None, id="one that is"),
    ],
)
def test_a_databases_address_is_asked_whether_it_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, words: str | None
) -> None:
    write_contract(tmp_path)
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", url)
    found = messages(tmp_path, connections=True)
    assert len(found) == (words is not None)
    assert words is None or words in found[0]
    assert "hunter2" not in "".join(found)


def test_the_command_shows_file_line_and_remedy_and_fails(runner: CliRunner, tmp_path: Path) -> None:
    write_contract(tmp_path, "mine", department="mine", connector={"kind": "sql", "connection": "source", "relatoin": "x"})
    done = runner.invoke(app, ["check"])
    assert done.exit_code == 1
    assert "mine.yml:12 connector.relatoin" in done.output
    assert "did you mean 'relation'?" in done.output
    assert runner.invoke(app, ["check", str(DEPARTMENTS / "court.yml")]).exit_code == 0


def test_the_command_says_when_all_is_well(runner: CliRunner, tmp_path: Path) -> None:
    write_contract(tmp_path, "mine", department="mine")
    done = runner.invoke(app, ["check"])
    assert (done.exit_code, "17 份契约无误" in done.output) == (0, True)


def test_the_list(runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_contract(tmp_path, "mine", department="mine")
    monkeypatch.setenv("CASEHUB_DEPARTMENTS", "mine")
    get_settings.cache_clear()
    lines = runner.invoke(app, ["list"]).output.splitlines()
    (mine,) = [line for line in lines if " mine " in line]
    (court,) = [line for line in lines if " court " in line]
    assert "是 yes" in mine
    assert "否 no" in court
    get_settings.cache_clear()


def test_the_schema(runner: CliRunner) -> None:
    assert "department" in json.loads(runner.invoke(app, ["schema"]).output)["properties"]


def test_a_preview_shows_columns_and_hides_persons(runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"A{number},王小明,440306199001011234,13800001234,noise,{number}\n" for number in range(9))
    (tmp_path / "cases.csv").write_text(f"id,xm,sfzh,bz,lb,n\n{rows}", encoding="utf-8")
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", tmp_path.as_uri())
    write_contract(
        tmp_path,
        "mine",
        department="mine",
        connector={"kind": "file", "connection": "source", "path": "cases.csv", "format": "csv"},
        feed={"mode": "snapshot"},
        key=["id"],
        record={
            "people_involved": {"from": "n", "as": "integer"},
            "handling_unit": {"from": "lb"},
            "due_at": {"from": "gone", "as": "datetime"},
        },
        parties=[{"role": "petitioner", "name": {"from": "xm", "as": "person_name"}, "id_no": {"from": "sfzh", "as": "id_no"}}],
    )
    done = runner.invoke(app, ["preview", "mine", "--rows", "3"])
    assert done.exit_code == 1, done.output
    assert all(word in done.output for word in ("A0", "A2", "noise", "王＊＊", "parties[0].name", "people_involved"))
    assert not any(word in done.output for word in ("王小明", "440306199001011234", "13800001234", "A3"))
    assert "bz" in done.output.partition("the contract does not know")[2]
    assert "gone" in done.output.partition("it misses")[2]


def nested(runner: CliRunner, folder: Path, monkeypatch: pytest.MonkeyPatch, **overrides: Any) -> Any:
    """The preview of rows that hold objects and a list of persons."""
    workers = [{"xm": "李四", "idno": "440306199001011234"}, {"xm": "赵六海", "idno": "440306199001015678"}]
    row = {"id": "A1", "n": None, "applicant": {"name": "王小明", "where": {"street": "440311001"}}, "workers": workers, "meta": {"at": 1}}
    (folder / "cases.jsonl").write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", folder.as_uri())
    contract: dict[str, Any] = {
        "connector": {"kind": "file", "connection": "source", "path": "cases.jsonl", "format": "jsonl"},
        "feed": {"mode": "snapshot"},
        "key": ["id"],
        "record": {"street": {"path": "applicant.where.street", "as": "street"}, "handling_unit": {"path": "applicant"}},
        "parties": [
            {"role": "petitioner", "name": {"path": "applicant.name", "as": "person_name"}},
            {"role": "agent", "each": {"path": "workers"}, "name": {"from": "xm"}, "id_no": {"from": "id", "as": "id_no"}},
        ],
    }
    write_contract(folder, "mine", department="mine", **(contract | overrides))
    return runner.invoke(app, ["preview", "mine"])


def test_a_preview_shows_paths_and_parties_masked(runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = nested(runner, tmp_path, monkeypatch)
    assert done.exit_code == 0, done.output
    table = done.output.partition("before their transform")[2]
    assert all(word in table for word in ("440311001", "王＊＊", "李＊; 赵＊＊", "path applicant.name", "each workers: xm", "{…"))
    assert not any(word in done.output for word in ("王小明", "李四", "赵六海", "440306199001011234"))


def test_a_preview_tells_a_field_that_finds_nothing_in_any_row(runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (told,) = [line for line in nested(runner, tmp_path, monkeypatch).output.splitlines() if "without a value" in line]
    assert told.endswith(": parties[1].id_no (each workers: id)")


def test_a_preview_tells_names_of_ignore_and_volatile_that_are_no_column(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = nested(runner, tmp_path, monkeypatch, ignore=["n", "m"], volatile=["meta.at", "meta.att", "dqsj"])
    assert done.exit_code == 0, done.output
    (told,) = [line for line in done.output.splitlines() if "ignore or volatile" in line]
    assert told.endswith(": m, meta.att, dqsj")


@pytest.mark.parametrize(("field", "code"), [("meta.tme", 0), ("gxsj", 1)])
def test_a_preview_tells_a_cursor_field_that_no_row_has(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, code: int
) -> None:
    done = nested(runner, tmp_path, monkeypatch, feed={"mode": "cursor", "field": field})
    (told,) = [line for line in done.output.splitlines() if "cursor field has no value" in line]
    assert told.endswith(f": {field}")
    assert done.exit_code == code


def test_a_preview_shows_no_number_that_stands_for_a_key_or_for_a_column(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cases.jsonl").write_text('{"id": "13800001234", "440306199001011234": {"13800001235": 1}}\n', encoding="utf-8")
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", tmp_path.as_uri())
    write_contract(
        tmp_path,
        "mine",
        department="mine",
        connector={"kind": "file", "connection": "source", "path": "cases.jsonl", "format": "jsonl"},
        feed={"mode": "snapshot"},
        key=["id"],
        record={"title": {"from": "name"}},
    )
    done = runner.invoke(app, ["preview", "mine"])
    assert done.exit_code == 1, done.output
    assert "＊＊＊＊＊＊＊＊＊＊＊" in done.output
    assert not any(number in done.output for number in ("13800001234", "440306199001011234", "13800001235"))


def test_unmapped_columns_are_hidden_and_general_ones_scrubbed() -> None:
    contract = make_contract(
        record={"handling_unit": {"from": "dw"}, "title": {"from": "bt"}, "text": {"from": "nr", "classification": "general"}}
    )
    row = {"ajbh": "A1", "dw": "打 13800001234", "bt": "王小明诉李四", "nr": "内容", "bz": {"tel": ["010"]}, "gxsj": None, "n": 12}
    assert mask_row(contract, row) == {
        "ajbh": "A1",
        "dw": "打 ＊＊＊＊＊＊＊＊＊＊＊",
        "bt": "王＊＊＊＊＊",
        "nr": "内容",
        "bz": {"tel": ["0＊＊"]},
        "gxsj": None,
        "n": "1＊",
    }
    assert masked("title", contract.record["title"], "王小明") == "王＊＊"
