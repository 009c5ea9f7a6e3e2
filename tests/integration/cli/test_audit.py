"""`casehub audit`, and that every command which opens the store is written down."""

from __future__ import annotations

import csv
import json
import os
import pwd
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from api.audit import export as exporting
from api.audit.sealing import seal_all
from api.spreadsheets import is_formula
from cli.main import app
from hub.errors import NotFound, RequestError, StoreError
from hub.settings import get_settings
from schema import tables
from tests.integration.api.builders import Store
from tests.integration.audit.builders import call, tamper

ID_NUMBER = "440311199001011237"
NAME = "王小明"
ME = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest.fixture(autouse=True)
def heads(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The store that commands open, and where they publish heads."""
    monkeypatch.setenv("CASEHUB_DATABASE_URL", database_url)
    monkeypatch.setenv("CASEHUB_AUDIT_HEAD", str(tmp_path / "heads.jsonl"))
    monkeypatch.setenv("COLUMNS", "300")
    get_settings.cache_clear()
    yield tmp_path / "heads.jsonl"
    get_settings.cache_clear()


@pytest.fixture
def store(database: Engine) -> Store:
    return Store(database)


def run(*words: str, code: int = 0, **more: Any) -> str:
    """What a command writes; an error of the hub's is raised."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False, **more)
    assert result.exit_code == code, result.output
    return result.output


def rows(engine: Engine, action: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT * FROM audit.access WHERE action = :action ORDER BY access_id"), {"action": action}))


def person_with_case(store: Store) -> tuple[uuid.UUID, uuid.UUID, int]:
    person = uuid.uuid4()
    store.insert(tables.person, person_id=person, founder_id=1, known_from=1, changed=1, departments=["petition"], mentions=1)
    record = store.record("petition", "1", [{"name": NAME, "id_no": ID_NUMBER, "entity": person}])
    return person, store.case(record), record


def test_a_command_is_written_down_begun_and_ended_and_sealed(database: Engine, heads: Path) -> None:
    run("keys", "create", "li", "--role", "engineer")
    begun, shown, done = rows(database, "keys.create")
    assert (begun.caller, begun.outcome, shown.receiver, done.outcome) == (ME, None, "li", 0)
    assert begun.request_id == shown.request_id == done.request_id
    assert begun.shape == {"options": ["name", "role"]}
    assert json.loads(heads.read_text().splitlines()[-1])["rows"] == 3
    assert "完好" in run("audit", "verify")


def test_an_environment_variable_makes_nobody_else_the_caller(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    run("keys", "list")
    assert {row.caller for row in rows(database, "keys.list")} == {ME}


def test_a_command_that_fails_says_so(database: Engine) -> None:
    with pytest.raises(NotFound):
        run("keys", "revoke", "nobody")
    assert [row.outcome for row in rows(database, "keys.revoke")] == [None, 1]


def test_without_a_row_nothing_is_done(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE audit.access RENAME TO elsewhere"))
    with pytest.raises(StoreError):
        run("keys", "create", "li", "--role", "engineer")
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM ops.api_key")).scalar_one() == 0


def test_a_pair_that_is_shown_is_written_down_before(database: Engine, store: Store) -> None:
    left = store.record("petition", "1", [{"name": NAME}], title="拖欠工资")
    right = store.record("labour", "2", [{"name": NAME}], title="欠薪")
    store.case(left, right)
    assert "拖欠" in run("match", "explain", "petition/1", "labour/2", "--relation", "case")
    begun, shown, done = rows(database, "match.explain")
    assert (begun.outcome, shown.outcome, done.outcome) == (None, 0, 0)
    assert shown.record_ids == [left, right]
    run("match", "explain", "petition/1/0", "labour/2/0", "--relation", "person")
    assert rows(database, "match.explain")[-2].record_ids == [left, right]


def test_an_export_says_who_gets_it(database: Engine, store: Store, tmp_path: Path) -> None:
    person_with_case(store)
    run("export", "membership", "--to", str(tmp_path / "m.csv"), "--receiver", "statistics office")
    assert [row.receiver for row in rows(database, "export.membership")] == [None, "statistics office", None]


def test_subject_by_prompt_file_and_id(database: Engine, store: Store, tmp_path: Path) -> None:
    person, case, _ = person_with_case(store)
    call(database, "li-of-court", entity_ids=[case])
    call(database, "chen", entity_ids=[uuid.uuid4()])
    (tmp_path / "number.txt").write_text(f"\ufeff{ID_NUMBER}\n", encoding="utf-8")
    by_prompt = run("audit", "subject", input=f"{ID_NUMBER}\n")
    by_file = run("audit", "subject", "--file", str(tmp_path / "number.txt"))
    for output in (by_prompt, by_file, run("audit", "subject", str(person)), run("audit", "subject", str(case))):
        assert "li-of-court" in output
        assert "chen" not in output
        assert ID_NUMBER not in output
    assert ME in by_file  # who looked into the log for him looked at him
    looked = [row for row in rows(database, "audit.subject") if row.person_ids]
    assert {tuple(row.person_ids) for row in looked} == {(person,)}
    written = database.connect().execute(text("SELECT string_agg(a::text, '') FROM audit.access a")).scalar_one()
    assert ID_NUMBER not in written
    assert "file" in written


def test_an_id_number_is_no_argument(database: Engine) -> None:
    with pytest.raises(RequestError, match="history") as caught:
        run("audit", "subject", ID_NUMBER)
    assert ID_NUMBER not in str(caught.value)
    assert rows(database, "audit.subject") == []


def test_list_filters(database: Engine) -> None:
    call(database, "li", purpose="mediation", case_reference="P-7")
    call(database, "chen")
    assert "chen" in run("audit", "list")
    for words in (
        ["--caller", "li"],
        ["--purpose", "mediation"],
        ["--case-reference", "P-7"],
        ["--outcome", "200", "--caller", "li"],
        ["--action", "cases.search", "--caller", "li", "--since", "2025-01-01"],
    ):
        listed = run("audit", "list", *words)
        assert "li" in listed
        assert "chen" not in listed
    assert "no such rows" in run("audit", "list", "--before", "2025-01-01")
    with pytest.raises(RequestError):
        run("audit", "list", "--since", "yesterday")


def test_verify_tells_what_was_changed_and_ends_with_1(database: Engine, heads: Path) -> None:
    for _ in range(3):
        call(database)
    seal_all(database, heads)
    tamper(database, "UPDATE audit.access SET caller = 'wang' WHERE access_id = 2")
    output = run("audit", "verify", code=1)
    assert "edited: access_id 2, seal 1, place 2" in output
    assert [row.outcome for row in rows(database, "audit.verify")] == [None, 1]
    assert "not published" in run("audit", "verify", "--head", str(heads.with_name("none")), code=1)


def test_seal_and_head(database: Engine, heads: Path) -> None:
    call(database)
    assert "2" in run("audit", "seal")  # the call, and that the command began
    number = json.loads(run("audit", "head"))["number"]
    assert number == 2  # what ended the command before was chained at its end
    assert [json.loads(line)["number"] for line in heads.read_text().splitlines()] == [1, 2, 3]


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_an_export_is_verified_without_the_database(database: Engine, heads: Path, tmp_path: Path, ending: str) -> None:
    for caller in ("li", "=cmd|' /C calc'!A0", "chen"):
        call(database, caller, entity_ids=[uuid.uuid4()], shape={"entry": "words"})
    file = tmp_path / f"log.{ending}"
    run("audit", "export", "--to", str(file), "--receiver", "discipline office")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [row.receiver for row in rows(database, "audit.export")][1] == "discipline office"
    assert "\n=cmd" not in file.read_text()
    assert ",=cmd" not in file.read_text()
    seal_all(database, heads)
    tamper(database, "DELETE FROM audit.access")
    assert "完好" in run("audit", "verify", "--file", str(file), "--head", str(heads))
    with pytest.raises(RequestError):
        run("audit", "export", "--to", str(file))
    file.chmod(0o600)
    file.write_text(file.read_text().replace("chen", "wang"))
    assert "edited: access_id 3" in run("audit", "verify", "--file", str(file), code=1)


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_an_export_that_breaks_off_leaves_no_half_a_log(
    database: Engine, heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Half a log is one by its seals, and would be taken for the whole."""
    for caller in ("li", "chen"):
        call(database, caller)
        seal_all(database, heads)
    real, read = exporting.read_rows, []

    def breaks_off(*words: Any) -> Any:
        read.append(words)
        if len(read) > 1:
            raise KeyboardInterrupt
        return real(*words)

    with monkeypatch.context() as patched:
        patched.setattr(exporting, "read_rows", breaks_off)
        with pytest.raises(KeyboardInterrupt):
            exporting.export(database, tmp_path / f"log.{ending}", exporting.Period())
    assert len(read) == 2
    assert list(tmp_path.glob("*log*")) == []


def test_the_verifier_of_the_documentation_agrees(database: Engine, heads: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "api" / "audit.md").read_text(encoding="utf-8")
    script = tmp_path / "verifier.py"
    script.write_text(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], encoding="utf-8")
    for caller in ("张三", "chen"):
        call(database, caller, shape={"entry": "words"})
        seal_all(database, heads)
    file = tmp_path / "log.jsonl"
    run("audit", "export", "--to", str(file))

    def verdict() -> str:
        return subprocess.run([sys.executable, str(script), str(file)], capture_output=True, text=True, check=True).stdout

    assert verdict() == "sound\n"
    file.write_text(file.read_text(encoding="utf-8").replace("chen", "wang"), encoding="utf-8")
    assert verdict() == "1 lines are not as they were written\n"


def test_a_cell_that_says_something_else_than_the_hashed_text_is_found(database: Engine, tmp_path: Path) -> None:
    call(database, "chen")
    seal_all(database, get_settings().audit_head_file)
    file = tmp_path / "log.csv"
    run("audit", "export", "--to", str(file))
    file.write_text(file.read_text().replace(",chen,", ",wang,", 1))
    assert "edited: access_id 1" in run("audit", "verify", "--file", str(file), code=1)


def test_what_is_no_export_is_told(tmp_path: Path) -> None:
    for name, content in (("a.jsonl", "{}\n"), ("b.csv", "x,y\n1,2\n"), ("c.jsonl", "no json")):
        (tmp_path / name).write_text(content)
        with pytest.raises(RequestError, match="no exported audit log"):
            run("audit", "verify", "--file", str(tmp_path / name))
    with pytest.raises(RequestError, match="neither"):
        run("audit", "export", "--to", str(tmp_path / "x.txt"))


def test_migrate_needs_no_log_and_is_written_down_when_there_is_one(database: Engine) -> None:
    run("migrate")
    assert [row.outcome for row in rows(database, "migrate")] == [None, 0]


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_file_is_what_was_sealed_if_the_heads_say_so(database: Engine, heads: Path, tmp_path: Path, ending: str) -> None:
    call(database, "chen")
    file, empty, others = tmp_path / f"log.{ending}", tmp_path / f"none.{ending}", tmp_path / "others.jsonl"
    run("audit", "export", "--to", str(file))
    assert "完好" in run("audit", "verify", "--file", str(file), "--head", str(heads))
    others.write_text("".join(line.replace('"number":', '"number":1') + "\n" for line in heads.read_text().splitlines()), encoding="utf-8")
    assert "none of its seals was among the heads" in run("audit", "verify", "--file", str(file), "--head", str(others), code=1)
    with pytest.raises(RequestError, match="no file"):
        run("audit", "verify", "--file", str(file), "--head", str(tmp_path / "nowhere.jsonl"))
    empty.write_text(file.read_text().splitlines()[0] + "\n" if ending == "csv" else "", encoding="utf-8")
    with pytest.raises(RequestError, match="holds no seal"):
        run("audit", "verify", "--file", str(empty))


def test_rows_that_are_not_chained_have_no_place_in_a_table(database: Engine, tmp_path: Path) -> None:
    for _ in range(2):
        call(database, "chen")
    file = tmp_path / "log.csv"
    run("audit", "export", "--to", str(file))
    with file.open(newline="", encoding="utf-8") as lines:
        head, *listed = csv.reader(lines)
    place, access_id = head.index("place"), head.index("access_id")

    def changed(row: list[str], **cells: str) -> list[str]:
        return [cells.get(name, value) for name, value in zip(head, row, strict=True)]

    for bad in (
        [changed(row, place="7") for row in listed],
        [*listed, changed(listed[-1], access_id="", caller="zhang")],
        [listed[0], changed(listed[1], seal_hash="00"), *listed[2:]],
    ):
        with file.open("w", newline="", encoding="utf-8") as lines:
            csv.writer(lines).writerows([head, *bad])
        with pytest.raises(RequestError, match="no exported audit log"):
            run("audit", "verify", "--file", str(file))
    assert place and access_id


def test_the_list_shows_for_whom_a_key_was_made(database: Engine) -> None:
    run("keys", "create", "li-of-court", "--role", "clerk", "--department", "court")
    assert "li-of-court" in run("audit", "list", "--action", "keys.create")


def test_ids_of_keys_can_be_copied_from_a_narrow_terminal(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    run("keys", "create", "li", "--role", "clerk", "--department", "court")
    monkeypatch.setenv("COLUMNS", "80")
    with database.connect() as connection:
        key_id = connection.execute(text("SELECT key_id FROM ops.api_key")).scalar_one()
    assert key_id in run("keys", "list")
    assert all(code in run("sources", "list") for code in ("civil_affairs", "mass_organisations", "emergency_management"))


def test_a_run_that_failed_is_written_down_as_failed(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CASEHUB_CONNECTION_COURT", raising=False)
    run("run", "court", "--no-resolve", code=1)
    assert [row.outcome for row in rows(database, "run")] == [None, 1]
    with pytest.raises(RequestError, match="one of --reconcile, --backfill"):
        run("run", "court", "--reconcile", "--backfill")


FORMULAS = ('=HYPERLINK("x")', '＝HYPERLINK("x")', " =1+1", "\ufeff=1+1", "＠SUM(1)")


def test_no_cell_of_a_table_is_a_formula_and_files_of_before_are_verified(database: Engine, tmp_path: Path) -> None:
    for reference in FORMULAS:
        call(database, "chen", case_reference=reference)
    file, former = tmp_path / "log.csv", tmp_path / "former.csv"
    run("audit", "export", "--to", str(file))
    with file.open(newline="", encoding="utf-8") as lines:
        head, *listed = csv.reader(lines)
    place = head.index("case_reference")
    assert [row[place] for row in listed if row[place]] == [f"'{reference}" for reference in FORMULAS]
    assert not any(is_formula(cell) for row in listed for cell in row)
    assert "完好" in run("audit", "verify", "--file", str(file))
    for row in listed:
        if row[place].startswith(("'＝", "'＠", "' ", "'\ufeff")):
            row[place] = row[place][1:]
    with former.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([head, *listed])
    assert "完好" in run("audit", "verify", "--file", str(former))
