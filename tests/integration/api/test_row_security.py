"""What a department's login reads of the database, whatever is sent: what a bug in a route, or an injection, could read at most."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from api.access import Caller
from api.policy import logins as module
from api.policy.document import DEFAULT, read_policy
from api.policy.logins import Logins, login_of
from api.state import reading_engine
from hub.encryption import number_forms
from hub.errors import SettingsError
from hub.reader import READER
from hub.settings import Settings
from schema import tables
from tests.integration.api.builders import Store, at

HERE, THERE = "440311001001", "440311001002"
POLICY = read_policy(DEFAULT)


def caller(department: str | None, role: str = "clerk", **rights: Any) -> Caller:
    return Caller("x", role, department, dataclasses.replace(POLICY.rights(department, role), **rights))


@pytest.fixture
def store(database: Engine) -> Store:
    return Store(database)


@pytest.fixture
def mixed(store: Store) -> dict[str, Any]:
    """One case of records of three departments, every visibility, two communities; each with a person and an event."""
    records = {
        number: store.record(
            department,
            number,
            [{"name": f"人{number}", "phone": f"1380000000{place}", "entity": uuid.uuid4()}],
            visibility=visibility,
            community=community,
            street=community[:9],
            title=f"题{number}",
            resolved_at=at(4),
        )
        for place, (number, department, visibility, community) in enumerate(
            [
                ("shared-here", "petition", "shared", HERE),
                ("shared-there", "labour", "shared", THERE),
                ("restricted", "court", "restricted", HERE),
                ("sealed", "procuratorate", "sealed", HERE),
            ]
        )
    }
    case_id = store.case(*records.values())
    store.insert(
        tables.link,
        relation="case",
        left_id=records["shared-here"],
        right_id=records["sealed"],
        known_from=1,
        decision="link",
        match_weight=9.0,
        levels={},
        model_version="1",
        decided_by="engine",
    )
    with store.engine.begin() as connection:  # all of them share one blocking key
        connection.execute(text("INSERT INTO store.case_key (key, record_id) SELECT 7, record_id FROM store.source_record"))
        connection.execute(text("INSERT INTO store.person_key (key, party_id) SELECT 7, party_id FROM store.party"))
    return {**records, "case_id": case_id}


def numbers(connection: Connection, statement: str) -> set[str]:
    return set(connection.execute(text(statement)).scalars())


GIVEN = "(ARRAY[0], ARRAY[7::bigint], 1000, NULL, NULL, 50)"
COMPARED = {
    "case": f"SELECT source_record_id FROM store.comparable_cases{GIVEN}",
    "person": f"SELECT name FROM store.comparable_persons{GIVEN}",
    "organisation": f"SELECT name FROM store.comparable_organisations{GIVEN}",
}
HELD = """
SELECT department || ' ' || visibility FROM store.holders('number', ARRAY['shared-here', 'shared-there', 'restricted', 'sealed'])
"""
SAID = {
    "shared-here": "petition shared",
    "shared-there": "labour shared",
    "restricted": "court restricted",
    "sealed": "procuratorate sealed",
}
SEEN = [
    pytest.param(caller("petition"), {"shared-here", "shared-there"}, {"court"}, id="another department"),
    pytest.param(caller("court"), {"shared-here", "shared-there", "restricted"}, set(), id="owner of the restricted one"),
    pytest.param(caller("procuratorate"), {"shared-here", "shared-there", "sealed"}, {"court"}, id="owner of the sealed one"),
    pytest.param(caller(None, "admin"), {"shared-here", "shared-there"}, {"court"}, id="of no department"),
    pytest.param(caller("political_legal", f"community_clerk_{HERE}"), {"shared-here"}, {"court"}, id="one community"),
    pytest.param(caller("political_legal", f"community_clerk_{THERE}"), {"shared-there"}, set(), id="another community"),
    pytest.param(caller("petition", departments=frozenset({"labour"})), {"shared-here", "shared-there"}, set(), id="some departments"),
    pytest.param(caller("petition", departments=frozenset()), {"shared-here"}, set(), id="its own alone"),
    pytest.param(caller("court", streets=frozenset({"440311002"}), communities=frozenset()), set(), set(), id="another street"),
]


@pytest.mark.parametrize(("who", "readable", "acknowledged"), SEEN)
def test_a_login_reads_what_the_policy_gives(
    logins: Logins, mixed: dict[str, Any], who: Caller, readable: set[str], acknowledged: set[str]
) -> None:
    ids = {mixed[number] for number in readable}
    with logins.engine(who).connect() as connection:
        assert numbers(connection, "SELECT source_record_id FROM store.source_record") == readable
        assert numbers(connection, "SELECT name FROM store.party") == {f"人{number}" for number in readable}
        assert numbers(connection, "SELECT record_id FROM store.case_event") == ids
        assert len(numbers(connection, "SELECT person_id FROM store.person_member")) == len(readable)
        assert numbers(connection, "SELECT department FROM store.acknowledged_record") == acknowledged
        known = connection.execute(text("SELECT source_record_id, title, department FROM store.known_record")).all()
        assert {row.source_record_id for row in known if row.source_record_id} == readable
        assert {row.department for row in known if row.title is None} == acknowledged
        assert len(numbers(connection, "SELECT record_id FROM store.case_member")) == len(readable) + len(acknowledged)
        valued = f"SELECT value FROM store.readable_values(ARRAY['{mixed['case_id']}'::uuid]) WHERE field = 'title'"
        assert numbers(connection, valued) == {f"题{number}" for number in readable}
        held = {SAID[number] for number in readable} | {f"{department} restricted" for department in acknowledged}
        assert numbers(connection, HELD) == held
        assert numbers(connection, COMPARED["case"]) == readable
        assert numbers(connection, COMPARED["person"]) == {f"人{number}" for number in readable}
        is_there = bool(readable or acknowledged)
        assert bool(numbers(connection, "SELECT case_id FROM store.unified_case")) == is_there
        has_both = {"shared-here", "sealed"} <= readable
        assert bool(numbers(connection, "SELECT left_id FROM store.link")) == has_both


@pytest.mark.parametrize(("who", "readable", "acknowledged"), SEEN)
def test_a_case_is_summed_up_of_what_the_login_reads(
    logins: Logins, mixed: dict[str, Any], who: Caller, readable: set[str], acknowledged: set[str]
) -> None:
    case = f"ARRAY['{mixed['case_id']}'::uuid]"
    communities = {"shared-here": HERE, "shared-there": THERE, "restricted": HERE, "sealed": HERE}
    stated = [community for number, community in communities.items() if number in readable]  # in the order of their ranks
    with logins.engine(who).connect() as connection:
        assert numbers(connection, f"SELECT unnest(departments) FROM store.summed_up({case}, true)") == {
            SAID[number].split()[0] for number in readable
        }
        summed_up = connection.execute(text(f"SELECT community FROM store.summed_up({case}, true)")).scalars().all()
        assert summed_up == ([next(iter(stated), None)] if readable or acknowledged else [])
        published = numbers(connection, f"SELECT community FROM store.summed_up({case}, false)") - {None}
        assert published == ({HERE} if who.rights.is_whole else set())


@pytest.mark.parametrize(("who", "readable", "acknowledged"), SEEN)
def test_what_a_page_shows_of_a_case_is_what_the_login_reads(
    logins: Logins, mixed: dict[str, Any], who: Caller, readable: set[str], acknowledged: set[str]
) -> None:
    case, own = f"ARRAY['{mixed['case_id']}'::uuid]", who.department
    with logins.engine(who).connect() as connection:
        found = connection.execute(text(f"SELECT * FROM store.case_summaries({case}, ARRAY['title'])")).one_or_none()
        members = connection.execute(text(f"SELECT * FROM store.known_members({case})")).all()
        known = connection.execute(text("SELECT record_id, visibility, title, tokens::text FROM store.known_record")).all()
    assert {(row.record_id, row.visibility, row.title) for row in members} == {(row.record_id, row.visibility, row.title) for row in known}
    assert {row.department for row in members if row.source_record_id is None} == acknowledged
    assert {name for row in members for name in row.names or ()} == {f"人{number}" for number in readable}
    if not readable and not acknowledged:
        assert found is None
        return
    assert found is not None
    departments = [SAID[number].split()[0] for number in readable]
    assert (found.records, set(found.departments or ()), set(found.acknowledged or ())) == (len(readable), set(departments), acknowledged)
    assert set(found.names or ()) == {f"人{number}" for number in readable}
    assert found.is_limited == bool(acknowledged or readable & {"restricted", "sealed"})
    best = next((number for number in SAID if number in readable), None)
    assert dict(zip(found.fields or (), found.values or (), strict=True)) == ({} if best is None else {"title": f"题{best}"})
    assert (found.owns or []) == ([] if best is None else [SAID[best].split()[0] == own])


@pytest.mark.parametrize(("who", "readable", "acknowledged"), SEEN)
def test_cases_with_closed_records_are_published_for_the_department_whose_they_are(
    logins: Logins, mixed: dict[str, Any], who: Caller, readable: set[str], acknowledged: set[str]
) -> None:
    of_all = "SELECT reported_at, ARRAY(SELECT unnest(departments) ORDER BY 1), category, status, grade, street, community FROM store."
    with logins.engine(who).connect() as connection:
        owned = connection.execute(text("SELECT department FROM store.own_case")).scalars().all()
        assert owned == ([who.department] if readable & {"restricted", "sealed"} else [])
        shown = connection.execute(text(f"{of_all}own_case")).all()
        assert shown == (connection.execute(text(f"{of_all}summed_up(ARRAY['{mixed['case_id']}'::uuid], true)")).all() if owned else [])
        assert not numbers(connection, "SELECT case_id FROM store.opened_own_cases()")


def test_the_owner_compares_with_all(database: Engine, mixed: dict[str, Any]) -> None:
    with database.connect() as connection:
        assert numbers(connection, COMPARED["case"]) == {number for number in mixed if number != "case_id"}


def test_what_is_compared_can_be_kept_to_a_department_and_to_so_many(database: Engine, mixed: dict[str, Any]) -> None:
    def compared(own: str, is_own: bool, most: int) -> set[str]:
        given = f"(ARRAY[0], ARRAY[7::bigint], 1000, '{own}', {is_own}, {most})"
        return numbers(connection, f"SELECT source_record_id FROM store.comparable_cases{given}")

    with database.connect() as connection:
        assert compared("court", True, 50) == {"restricted"}
        assert compared("court", False, 50) == {"shared-here", "shared-there", "sealed"}
        assert compared("petition", False, 1) == {"shared-there"}  # of those that share as much, the oldest


def test_a_login_finds_only_what_is_acknowledged_by_an_identifier(logins: Logins, mixed: dict[str, Any]) -> None:
    def found(who: Caller, field: str, wanted: str) -> set[str]:
        with logins.engine(who).connect() as connection:
            forms = ", ".join(f"'{form}'" for form in number_forms(field, [wanted]))
            return numbers(connection, f"SELECT record_id FROM store.acknowledged_by('{field}', ARRAY[{forms}])")

    restricted, sealed = "13800000002", "13800000003"
    assert found(caller("petition"), "phone", restricted) == {mixed["restricted"]}
    assert found(caller("petition"), "number", "restricted") == {mixed["restricted"]}
    assert found(caller("petition"), "phone", sealed) == found(caller("petition"), "number", "sealed") == set()
    assert found(caller("court"), "phone", restricted) == set()  # reads it, and so finds it without
    assert found(caller("political_legal", f"community_clerk_{THERE}"), "phone", restricted) == set()


def test_so_does_one_question_about_several_numbers(logins: Logins, mixed: dict[str, Any]) -> None:
    asked = [("phone", "13800000002"), ("number", "restricted"), ("phone", "13800000003"), ("number", "sealed"), ("uscc", "restricted")]
    forms = [(place, field, form) for place, (field, number) in enumerate(asked) for form in number_forms(field, [number])]

    def found(who: Caller) -> set[tuple[int, str]]:
        with logins.engine(who).connect() as connection:
            places, fields, given = (list(column) for column in zip(*forms, strict=True))
            desks = text("SELECT place, department FROM store.desks_of(CAST(:places AS integer[]), CAST(:fields AS text[]), :given)")
            return {tuple(row) for row in connection.execute(desks, {"places": places, "fields": fields, "given": given})}

    assert found(caller("petition")) == {(0, "court"), (1, "court")}
    assert found(caller("court")) == set()
    assert found(caller("political_legal", f"community_clerk_{THERE}")) == set()


READS = {
    "ops.granted_record",
    "ops.my_scope",
    "store.acknowledged_record",
    "store.known_record",
    "store.source_record",
    "store.party",
    "store.case_event",
    "store.case_member",
    "store.person_member",
    "store.organisation_member",
    "store.unified_case",
    "store.own_case",
    "store.link",
    "store.redirect",
}


CALLS = {
    "acknowledged_by",
    "acknowledged_then",
    "case_summaries",
    "cases_in_weeks",
    "cases_of",
    "closed_case",
    "closed_organisation",
    "closed_person",
    "comparable_cases",
    "comparable_organisations",
    "comparable_persons",
    "desks_of",
    "find_cases_with_names",
    "find_cases_with_words",
    "find_ends",
    "find_names",
    "find_numbers",
    "find_tails",
    "find_words",
    "holders",
    "is_granted",
    "is_held_by_many",
    "is_open",
    "known_members",
    "may_know_party",
    "opened_own_cases",
    "published_weeks",
    "readable_cases",
    "readable_values",
    "summed_up",
    "times_of",
    "week_of",
}
OURS = "('landing', 'quarantine', 'store', 'ops', 'audit', 'public')"


def test_a_login_reads_no_other_table_and_writes_none(logins: Logins, database: Engine) -> None:
    listed = f"""
    SELECT n.nspname || '.' || c.relname AS name, c.oid, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN {OURS}
    """
    relations = f"SELECT name FROM ({listed}) c WHERE relkind IN ('r', 'p', 'v', 'm', 'f')"
    reads = f"{relations} AND has_any_column_privilege(session_user, oid, 'SELECT')"
    writes = f"""
    {relations} AND (has_table_privilege(session_user, oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                     OR has_any_column_privilege(session_user, oid, 'INSERT, UPDATE, REFERENCES'))
    """
    sequences = f"SELECT name FROM ({listed}) c WHERE relkind = 'S' AND has_sequence_privilege(session_user, oid, 'USAGE, SELECT, UPDATE')"
    with logins.engine(caller("petition")).connect() as connection:
        assert numbers(connection, relations) > READS
        assert numbers(connection, reads) == READS
        assert numbers(connection, writes) == set()
        assert numbers(connection, sequences) == set()
    with database.connect() as connection:  # the same question of somebody who may all of it
        assert numbers(connection, writes) == numbers(connection, relations)
        assert numbers(connection, sequences)


def test_a_login_calls_no_other_function(logins: Logins, database: Engine) -> None:
    """What an extension brings, and PostgreSQL itself, is not told of here."""
    listed = f"""
    SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname IN {OURS} AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    """
    may_call = "has_schema_privilege(session_user, n.oid, 'USAGE') AND has_function_privilege(session_user, p.oid, 'EXECUTE')"
    with logins.engine(caller("petition")).connect() as connection:
        assert numbers(connection, listed) > CALLS
        assert numbers(connection, f"{listed} AND {may_call}") == CALLS


def test_every_table_that_a_login_reads_has_forced_row_security(database: Engine) -> None:
    """A table that is granted to the readers one day, and has no policy, would be open to all of them."""
    statement = f"""
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
      AND c.relnamespace::regnamespace::text IN ('landing', 'quarantine', 'store', 'ops', 'audit', 'public')
      AND has_table_privilege('{READER}', c.oid, 'SELECT')
    """
    with database.connect() as connection:
        assert numbers(connection, statement) == set()


ATTACKS = [
    'SET ROLE "{owner}"',
    'SET SESSION AUTHORIZATION "{owner}"',
    'SET ROLE "{other}"',
    'SET SESSION AUTHORIZATION "{other}"',
    "SET row_security = off; SELECT 1 FROM store.source_record",
    "ALTER TABLE store.source_record DISABLE ROW LEVEL SECURITY",
    "CREATE FUNCTION store.leak(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END'",
    "CREATE TEMP TABLE x AS SELECT 1",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT passwd FROM pg_shadow",
    "INSERT INTO ops.row_scope (login, policy_version) VALUES ('somebody who has none', 9)",
    "UPDATE ops.row_scope SET own = 'procuratorate' WHERE login = session_user",
    "DELETE FROM ops.row_scope WHERE login = '{other}'",
    "SELECT own FROM ops.row_scope WHERE login = '{other}'",
]


@pytest.mark.parametrize("statement", ATTACKS)
def test_an_injected_statement_widens_nothing(logins: Logins, database: Engine, mixed: dict[str, Any], statement: str) -> None:
    """Each is refused for want of the right to it, not for a name that is not there or a row that is."""
    with logins.engine(caller("procuratorate")).connect() as connection:
        other = connection.execute(text("SELECT session_user")).scalar_one()
    attack = statement.format(owner=database.url.username, other=other)
    with logins.engine(caller("petition")).connect() as connection, pytest.raises(DBAPIError) as refused:
        connection.exec_driver_sql("SET TRANSACTION READ WRITE")
        connection.exec_driver_sql(attack)
    assert getattr(refused.value.orig, "pgcode", None) == "42501"


def test_a_setting_cannot_be_forged(logins: Logins, mixed: dict[str, Any]) -> None:
    """Whatever a session can set is set, and what it reads stays the same."""
    with logins.engine(caller("petition")).connect() as connection:
        for name in ("casehub.department", "casehub.role", "search_path", "application_name"):
            connection.exec_driver_sql(f"SELECT set_config('{name}', 'procuratorate', false)")
        assert "sealed" not in numbers(connection, "SELECT source_record_id FROM store.source_record")


def test_an_error_tells_nothing_of_a_row_that_is_not_shown(logins: Logins, mixed: dict[str, Any]) -> None:
    """A condition that fails on a hidden value is never worked out on it."""
    with logins.engine(caller("petition")).connect() as connection:
        guess = "SELECT count(*) FROM store.source_record WHERE 1 / (CASE WHEN title = '题sealed' THEN 0 ELSE 1 END) = 1"
        assert connection.execute(text(guess)).scalar_one() == 2


def test_a_login_without_a_scope_reads_nothing(logins: Logins, mixed: dict[str, Any], database: Engine) -> None:
    engine = logins.engine(caller("petition"))
    with database.begin() as connection:
        connection.execute(text("DELETE FROM ops.row_scope"))
    with engine.connect() as connection:
        for relation in READS:
            assert connection.execute(text(f"SELECT count(*) FROM {relation}")).scalar_one() == 0, relation
        for statement in (*COMPARED.values(), HELD):
            assert numbers(connection, statement) == set()


def test_a_newer_policy_is_taken_up_and_an_older_one_does_not_come_back(logins: Logins, mixed: dict[str, Any], database: Engine) -> None:
    def seen(version: int, departments: frozenset[str] | None) -> set[str]:
        with logins.engine(caller("petition", version=version, departments=departments)).connect() as connection:
            return numbers(connection, "SELECT source_record_id FROM store.source_record")

    assert seen(1, None) == {"shared-here", "shared-there"}
    assert seen(2, frozenset()) == {"shared-here"}
    assert seen(1, None) == {"shared-here"}  # a server that has not heard of it yet


def test_logins_of_two_databases_and_long_names_differ() -> None:
    assert login_of(caller("petition"), "a") != login_of(caller("petition"), "b")
    long = [login_of(Caller("x", f"community_clerk_{place}", "emergency_management"), "a" * 40) for place in (HERE, THERE)]
    assert len(set(long)) == 2
    assert max(len(name.encode()) for name in long) <= 63


def test_the_secret_of_the_passwords(database: Engine, tmp_path: Path) -> None:
    def refused(settings: Settings) -> SettingsError:
        with pytest.raises(SettingsError) as found:
            Logins(database, settings, reading_engine).engine(caller("petition"))
        return found.value

    (tmp_path / "short").write_bytes(b"abc")
    assert "32" in str(refused(Settings(home=tmp_path, login_secret_file=tmp_path / "short")))
    assert "cannot be read" in str(refused(Settings(home=tmp_path, login_secret_file=tmp_path / "absent")))
    logins = Logins(database, Settings(home=tmp_path / "new"), reading_engine)
    logins.engine(caller("petition"))
    made = tmp_path / "new" / "logins.secret"
    assert (len(made.read_bytes()), made.stat().st_mode & 0o777) == (64, 0o600)
    assert [path.name for path in made.parent.iterdir()] == ["logins.secret"]
    logins.dispose()


@pytest.mark.parametrize("after", ["sealed", "restricted", "another place", "sealed, then deleted"])
def test_what_a_record_said_before_it_was_closed_is_read_no_more(logins: Logins, store: Store, after: str) -> None:
    """As raw SQL by a department's login: neither the record nor its parties, events, values and members."""
    party = {"name": "王小明", "phone": "13800000001", "entity": uuid.uuid4()}
    record = store.record("labour", "1", [party], title="从前", community=HERE, street=HERE[:9], resolved_at=at(4))
    case_id = store.case(record)
    who = caller("petition", streets=frozenset(), communities=frozenset({HERE})) if after == "another place" else caller("petition")
    counted = [f"SELECT count(*) FROM store.{name}" for name in ("source_record", "party", "case_event", "person_member", "case_member")]
    counted += [f"SELECT count(*) FROM store.readable_values(ARRAY['{case_id}'::uuid])", "SELECT count(*) FROM store.known_record"]

    def seen(asking: Caller) -> list[int]:
        with logins.engine(asking).connect() as connection:
            return [connection.execute(text(statement)).scalar_one() for statement in counted]

    assert all(seen(who))
    for table in ("source_record", "party"):
        store.run(f"UPDATE store.{table} SET known_to = 2")
    place = {"community": THERE, "street": THERE[:9]} if after == "another place" else {"visibility": after.split(",")[0]}
    is_deleted = after.endswith("deleted")
    values = {"record_id": record, "department": "labour", "source_record_id": "1", "title": "如今", "visibility": "shared", **place}
    store.insert(tables.source_record, version=2, known_from=2, known_to=3 if is_deleted else None, **values)
    if is_deleted:
        store.insert(tables.source_record, version=3, known_from=3, **{**values, "visibility": "shared", "is_deleted": True})
    store.run("UPDATE store.golden_record SET contents = array_fill('如今'::text, ARRAY[cardinality(contents)])")
    is_known = 1 if after == "restricted" else 0  # its desk is named
    tombstone = 1 if is_deleted else 0
    assert seen(who) == [tombstone, 0, 0, 0, is_known or tombstone, 0, is_known or tombstone]
    assert seen(caller("labour"))[:4] == [2 + is_deleted, 1, 2, 1]


def test_what_was_said_before_by_a_record_that_is_still_open_is_read(logins: Logins, store: Store) -> None:
    record = store.record("labour", "1", [{"name": "王小明"}], title="从前", known_to=2)
    store.insert(
        tables.source_record, record_id=record, version=2, known_from=2, department="labour", source_record_id="1", visibility="shared"
    )
    with logins.engine(caller("petition")).connect() as connection:
        assert numbers(connection, "SELECT version FROM store.source_record") == {1, 2}
        assert numbers(connection, "SELECT name FROM store.party") == {"王小明"}
    store.insert(
        tables.source_record, record_id=record, version=3, department="labour", source_record_id="1", visibility="sealed"
    )  # not known yet: it waits for resolve
    with logins.engine(caller("petition")).connect() as connection:
        assert numbers(connection, "SELECT version FROM store.source_record") == {1, 2}


def test_reading_current_versions_looks_at_no_other(logins: Logins, store: Store) -> None:
    """What looks the newest version up is called for a former one alone."""
    record = store.record("labour", "1", [{"name": "王小明"}], title="从前", known_to=2)
    again = {"record_id": record, "department": "labour", "source_record_id": "1", "visibility": "shared"}
    store.insert(tables.source_record, version=2, known_from=2, **again)
    store.case(record)
    store.run(
        "CREATE OR REPLACE FUNCTION store.is_open(record bigint) RETURNS boolean LANGUAGE plpgsql STABLE "
        "AS 'BEGIN RAISE division_by_zero; END'"
    )
    with logins.engine(caller("petition")).connect() as connection:
        assert numbers(connection, "SELECT version FROM store.source_record WHERE known_to IS NULL") == {2}
        current = "SELECT r.version FROM store.case_member m JOIN store.known_record r USING (record_id) WHERE r.known_to IS NULL"
        assert numbers(connection, f"{current} AND m.known_to IS NULL AND r.known_from IS NOT NULL") == {2}
        with pytest.raises(DBAPIError):
            numbers(connection, "SELECT version FROM store.source_record")


def test_reading_shared_records_asks_no_function(logins: Logins, store: Store) -> None:
    """What says of a record that is closed, or of its case, whether it may be known of is called for those alone."""
    record = store.record("labour", "1", [{"name": "王小明", "entity": uuid.uuid4()}], title="题")
    case_id = store.case(record)
    asked = ("is_granted(record bigint)", "may_know_party(party bigint)")
    for function in asked:
        store.run(
            f"CREATE OR REPLACE FUNCTION store.{function} RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RAISE division_by_zero; END'"
        )
    with logins.engine(caller("petition")).connect() as connection:
        for relation in ("source_record", "party", "case_member", "person_member", "unified_case", "known_record"):
            assert connection.execute(text(f"SELECT count(*) FROM store.{relation}")).scalar_one() == 1, relation
    store.record("court", "2", visibility="restricted")
    with logins.engine(caller("petition")).connect() as connection, pytest.raises(DBAPIError):
        numbers(connection, f"SELECT department FROM store.known_record WHERE '{case_id}' IS NOT NULL")


def test_a_login_is_made_once_however_many_there_are(database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, real = [], Logins._ensure

    def counting(self: Logins, login: str, password: str, asking: Caller, mark: str) -> str | None:
        made.append(login)
        return real(self, login, password, asking, mark)

    monkeypatch.setattr(Logins, "_ensure", counting)
    monkeypatch.setattr(module, "MAX_ENGINES", 2)
    logins = Logins(database, Settings(home=tmp_path), lambda url: reading_engine(url, 1))
    for department in ("petition", "labour", "court") * 3:
        with logins.engine(caller(department)).connect() as connection:
            assert connection.execute(text("SELECT session_user")).scalar_one() == login_of(caller(department), database.url.database or "")
    logins.dispose()
    assert len(made) == 3


def test_a_former_policy_throws_out_no_connection_of_the_newer(logins: Logins, mixed: dict[str, Any]) -> None:
    def backend(version: int) -> int:
        with logins.engine(caller("petition", version=version)).connect() as connection:
            return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())

    first, second = backend(1), backend(2)
    assert first != second
    assert [backend(version) for version in (1, 2, 1, 2)] == [second] * 4  # an old stream, and new calls meanwhile


@pytest.fixture
def plain_owner(database: Engine) -> Iterator[Engine]:
    """The database as somebody who may make roles, and is no superuser."""
    name = f"owner_{uuid.uuid4().hex[:12]}"
    with database.begin() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD '{name}'"))
        connection.execute(text(f"GRANT {READER} TO {name} WITH ADMIN OPTION"))
    engine = create_engine(database.url.set(username=name, password=name), poolclass=NullPool)
    yield engine
    with database.begin() as connection:
        connection.execute(text(f"DROP ROLE IF EXISTS made_by_{name}"))
        connection.execute(text(f"DROP OWNED BY {name}"))
        connection.execute(text(f"DROP ROLE {name}"))


def test_an_owner_who_is_no_superuser_makes_a_login_and_takes_it_up_again(database: Engine, plain_owner: Engine) -> None:
    login = f"made_by_{plain_owner.url.username}"

    def make(engine: Engine, password: str) -> None:
        with engine.begin() as connection:
            module._create_role(connection.connection.driver_connection, login, password, 9)  # type: ignore[arg-type]

    make(plain_owner, "first")
    make(plain_owner, "second")
    with create_engine(database.url.set(username=login, password="second"), poolclass=NullPool).connect() as connection:
        assert connection.execute(text("SELECT session_user")).scalar_one() == login
    with database.begin() as connection:
        connection.execute(text(f"ALTER ROLE {login} BYPASSRLS CREATEDB"))
    make(database, "third")
    with database.connect() as connection:
        asked = text(f"SELECT {module._MORE_RIGHTS} FROM pg_roles WHERE rolname = :login")
        assert connection.execute(asked, {"login": login}).scalar_one() is False


def test_no_login_is_told_the_words_of_all_records(logins: Logins) -> None:
    with logins.engine(caller("petition")).connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text("SELECT * FROM store.common_words()"))
