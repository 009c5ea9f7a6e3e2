"""Connections of the departments' logins: so many together, and whoever needs one gets it of those that are idle."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.access import Caller
from api.policy import logins as module
from api.policy.document import DEFAULT, read_policy
from api.policy.logins import Logins
from api.policy.places import SHARE, let_in
from api.state import reading_engine
from hub.settings import Settings
from tests.integration.api.waiting import wait_for

POLICY = read_policy(DEFAULT)
DEPARTMENTS = ("petition", "labour", "court", "police")
MOST = 6


def clerk(department: str) -> Caller:
    return Caller("x", "clerk", department, POLICY.rights(department, "clerk"))


@pytest.fixture
def logins(database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Logins]:
    monkeypatch.setattr(module, "PLACE_TIMEOUT_S", 0.3)
    made = Logins(database, Settings(home=tmp_path, login_connections=MOST), lambda url: reading_engine(url, 4))
    yield made
    made.dispose()


def live(database: Engine) -> dict[str, int]:
    """Connections of clerks' logins by department; one that its client ended is among them for a moment."""
    statement = """SELECT split_part(usename, '.', 2) AS department, count(*) AS n FROM pg_stat_activity
        WHERE datname = current_database() AND usename LIKE '%.clerk' GROUP BY 1"""
    with database.connect() as connection:
        return {row.department: row.n for row in connection.execute(text(statement))}


def taken(stack: contextlib.ExitStack, logins: Logins, department: str, connections: int) -> list[Connection]:
    found = [stack.enter_context(logins.engine(clerk(department)).connect()) for _ in range(connections)]
    for one in found:
        one.execute(text("SELECT 1"))
    return found


def test_all_logins_together_have_no_more_than_the_setting_says(logins: Logins, database: Engine) -> None:
    for department in DEPARTMENTS * 2:
        with contextlib.ExitStack() as stack:
            taken(stack, logins, department, 4)
        assert wait_for(lambda: sum(live(database).values()) <= MOST, True)
    assert wait_for(lambda: live(database).get("police"), 4)  # whoever asked last has all of his
    assert wait_for(lambda: "petition" in live(database), False)  # and who was not asked for longest made way


def test_an_idle_connection_makes_way_and_one_in_use_does_not(logins: Logins, database: Engine) -> None:
    with contextlib.ExitStack() as stack, contextlib.ExitStack() as idle:
        used = taken(stack, logins, "petition", 2)
        taken(idle, logins, "labour", 4)
        with pytest.raises(PoolTimeout):
            logins.engine(clerk("court")).connect()
        idle.close()
        taken(stack, logins, "court", 3)
        assert [one.execute(text("SELECT 2")).scalar_one() for one in used] == [2, 2]
        assert wait_for(lambda: live(database), {"petition": 2, "labour": 1, "court": 3})


def test_a_connection_that_is_not_made_or_is_thrown_away_leaves_its_place(
    logins: Logins, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, real = logins.engine(clerk("petition")), psycopg2.connect

    def refused(*_: object, **__: object) -> None:
        raise psycopg2.OperationalError("no")

    monkeypatch.setattr(psycopg2, "connect", refused)
    for _ in range(MOST + 1):
        with pytest.raises(OperationalError):
            engine.connect()
    monkeypatch.setattr(psycopg2, "connect", real)
    for _ in range(MOST + 1):
        with engine.connect() as connection:
            connection.invalidate()
    with contextlib.ExitStack() as stack:
        taken(stack, logins, "petition", 4)
        taken(stack, logins, "labour", 2)


def test_connections_of_a_former_policy_end_when_they_come_back(logins: Logins, database: Engine) -> None:
    with contextlib.ExitStack() as stack:
        taken(stack, logins, "petition", 3)
        rights = POLICY.rights("petition", "clerk")
        newer = Caller("x", "clerk", "petition", dataclasses.replace(rights, version=rights.version + 1))
        with logins.engine(newer).connect() as connection:
            connection.execute(text("SELECT 1"))
    assert wait_for(lambda: live(database), {"petition": 1})


def test_by_default_half_of_what_the_database_lets_in(database: Engine) -> None:
    with database.connect() as connection:
        most = int(connection.execute(text("SHOW max_connections")).scalar_one())
    assert most * SHARE - 10 < let_in(database) < most * SHARE


def test_the_database_lets_no_login_take_them_all(logins: Logins, database: Engine) -> None:
    """Whoever has its password is bound by no setting of the servers'."""
    engine = logins.engine(clerk("petition"))
    login = engine.url.username
    limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = :login"
    with database.connect() as connection:
        assert connection.execute(text(limit), {"login": login}).scalar_one() == let_in(database)
    with database.begin() as connection:
        connection.exec_driver_sql(f'ALTER ROLE "{login}" CONNECTION LIMIT 2')
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(contextlib.closing(psycopg2.connect(url)))
        with pytest.raises(psycopg2.OperationalError, match="too many connections for role"):
            psycopg2.connect(url)
    again = Logins(database, logins._settings, lambda url: reading_engine(url, 4))  # another server takes the login up as it should be
    again.engine(clerk("petition"))
    again.dispose()
    with database.connect() as connection:
        assert connection.execute(text(limit), {"login": login}).scalar_one() == let_in(database)


def changes_itself(engine: Engine, *statements: str) -> None:
    """What an injected statement could do: end the reading transaction, and change the login that it runs as."""
    with engine.connect() as connection:
        connection.exec_driver_sql("; ".join(("COMMIT", "BEGIN READ WRITE", *statements, "COMMIT")))
        connection.invalidate()


def enters(engine: Engine, password: str) -> bool:
    try:
        psycopg2.connect(engine.url.set(drivername="postgresql", password=password).render_as_string(hide_password=False)).close()
    except psycopg2.OperationalError:
        return False
    return True


def test_a_login_that_changed_its_password_is_made_anew_when_it_is_refused(
    logins: Logins, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No department is shut out by it, and whoever changed it is."""
    engine = logins.engine(clerk("petition"))
    changes_itself(engine, "ALTER ROLE CURRENT_USER PASSWORD 'mine'", "ALTER ROLE CURRENT_USER SET bytea_output = 'escape'")
    assert enters(engine, "mine")
    monkeypatch.setattr(module, "REFUSED_S", 0.0)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT session_user")).scalar_one() == engine.url.username
        assert connection.execute(text("SHOW bytea_output")).scalar_one() == "hex"  # settings of a role's own are gone, too
    assert not enters(engine, "mine")
    assert [record.levelname for record in caplog.records if "was made anew" in record.message] == ["WARNING"]


def test_a_login_that_somebody_dropped_is_made_anew(logins: Logins, database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = logins.engine(clerk("petition"))
    with database.begin() as connection:
        connection.exec_driver_sql(f'DROP ROLE "{engine.url.username}"')
    monkeypatch.setattr(module, "REFUSED_S", 0.0)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT session_user")).scalar_one() == engine.url.username


def test_pools_that_are_given_up_say_nothing_in_the_log(database: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        engine = reading_engine(database.url)
        engine.connect().close()
        engine.dispose()
    assert [record.name for record in caplog.records if not record.name.startswith("sqlalchemy.")] == []


def test_two_servers_with_two_secrets_are_told(
    logins: Logins, database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each makes the other's password invalid, and neither could see why its own was."""
    monkeypatch.setattr(module, "REFUSED_S", 0.0)
    other = Logins(database, Settings(home=tmp_path / "second"), lambda url: reading_engine(url, 4))
    for server in (logins, other) * 2:
        with server.engine(clerk("petition")).connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
            connection.invalidate()
    other.dispose()
    told = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 2 and all("CASEHUB_LOGIN_SECRET_FILE" in message for message in told)


def test_a_secret_that_was_replaced_is_no_second_server(
    logins: Logins, database: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logins.engine(clerk("petition"))
    after = Logins(database, Settings(home=tmp_path / "replaced"), lambda url: reading_engine(url, 4))
    after.engine(clerk("petition"))
    after.dispose()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_password_is_set_anew_while_its_login_is_asked_by(logins: Logins, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = logins.engine(clerk("petition"))
    with contextlib.ExitStack() as stack:
        (used,) = taken(stack, logins, "petition", 1)
        changes_itself(engine, "ALTER ROLE CURRENT_USER PASSWORD 'mine'")
        monkeypatch.setattr(module, "RENEW_S", 0.0)
        assert logins.engine(clerk("petition")) is engine  # and no connection is given up for it
        assert used.execute(text("SELECT 1")).scalar_one() == 1
    assert not enters(engine, "mine")
    assert enters(engine, str(engine.url.password))


def test_a_password_runs_out_and_its_login_cannot_put_it_off(logins: Logins, database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = logins.engine(clerk("petition"))
    with pytest.raises(ProgrammingError, match="permission denied"):
        changes_itself(engine, "ALTER ROLE CURRENT_USER VALID UNTIL 'infinity'")
    with database.connect() as connection:
        left = text("SELECT extract(epoch FROM rolvaliduntil - now()) FROM pg_roles WHERE rolname = :login")
        assert module.RENEW_S < connection.execute(left, {"login": engine.url.username}).scalar_one() <= module.PASSWORD_S
    changes_itself(engine, "ALTER ROLE CURRENT_USER PASSWORD 'mine'")
    monkeypatch.setattr(module, "RENEW_S", 0.0)
    monkeypatch.setattr(module, "PASSWORD_S", -1.0)
    logins.engine(clerk("petition"))
    assert not enters(engine, "mine")
    assert not enters(engine, str(engine.url.password))


def test_no_statement_holds_a_password(logins: Logins, database: Engine) -> None:
    sent: list[str] = []
    with database.connect() as connection:
        driver = connection.connection.driver_connection

        class Listening(driver.cursor_factory or psycopg2.extensions.cursor):  # type: ignore[misc,union-attr]
            def execute(self, statement: object, *more: object) -> None:
                sent.append(statement if isinstance(statement, str) else statement.as_string(self))  # type: ignore[attr-defined]
                super().execute(statement, *more)

        driver.cursor_factory = Listening  # type: ignore[union-attr]
        module._create_role(driver, "made_for_its_statements", "secret-of-it", 1)  # type: ignore[arg-type]
        connection.rollback()
    assert any("SCRAM-SHA-256$" in statement for statement in sent)
    assert not any("secret-of-it" in statement for statement in sent)


def test_a_login_that_has_no_room_for_another_connection_was_changed_by_nobody(
    logins: Logins, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "share_of", lambda _: 0)
    monkeypatch.setattr(module, "REFUSED_S", 0.0)
    engine = logins.engine(clerk("petition"))
    with pytest.raises(OperationalError):
        engine.connect()
    assert "was made anew" not in caplog.text
