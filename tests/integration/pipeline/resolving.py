"""Builders for resolve: what normalise would leave, and what the store says afterwards."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Engine, text

from hub.encryption import clear_number
from hub.settings import Settings
from pipeline.resolving.links import Task, forms_of, labels_of
from pipeline.resolving.relations import ORGANISATION, PERSON, Relation, read_nodes
from pipeline.resolving.resolve import ResolveReport, resolve
from pipeline.store.channel import Channel
from tests.integration.encryption.builders import stored

SETTINGS = Settings()
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"

Party = dict[str, Any]


def id_number(number: int, born: str = "19800101") -> str:
    """A made-up resident ID number with a check character that agrees."""
    body = f"440311{born}{number:03d}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True)) % 11]


def credit_code(number: int) -> str:
    """A made-up credit code with a check character that agrees."""
    body = f"91440300MA5{number:06d}"
    total = sum(_CODE_ALPHABET.index(character) * (3**place % 31) for place, character in enumerate(body))
    return body + _CODE_ALPHABET[(31 - total % 31) % 31]


def person(name: str | None, role: str = "petitioner", **values: Any) -> Party:
    """A person as a record mentions one."""
    return {"kind": "person", "role": role, "name": name, "id_type": "resident_id" if values.get("id_no") else None} | values


def firm(name: str, role: str = "respondent", **values: Any) -> Party:
    """An organisation as a record mentions one."""
    return {"kind": "organisation", "role": role, "name": name} | values


@dataclass(frozen=True)
class Record:
    """One record version."""

    department: str
    number: str
    parties: tuple[Party, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    is_deleted: bool = False


def record(department: str, number: str, *parties: Party, is_deleted: bool = False, **values: Any) -> Record:
    """One record version, with a text of its own unless one is given."""
    defaults = {"title": f"诉求{department}{number}", "visibility": "shared", "reported_at": "2026-03-01T08:00:00Z"}
    return Record(department, number, parties, defaults | values, is_deleted)


def put(engine: Engine, *records: Record, keeps_names: bool = False) -> None:
    """Leave the next version of each record, as normalise does; whether a number that comes to a name or leaves it keeps the party's id."""
    with engine.begin() as connection:
        for one in records:
            names = {"department": one.department, "number": one.number}
            last = connection.execute(
                text(
                    "SELECT record_id, max(version) FROM store.source_record"
                    " WHERE department = :department AND source_record_id = :number GROUP BY 1"
                ),
                names,
            ).one_or_none()
            record_id = last[0] if last else _next(connection, "source_record", "record_id")
            version = last[1] + 1 if last else 1
            values = {"visibility": "shared"} if one.is_deleted else dict(one.values)
            if "references" in values:
                values["references"] = orjson.dumps(values["references"]).decode()
            row = {"record_id": record_id, "version": version, "source_record_id": one.number, "department": one.department}
            row |= {"is_deleted": one.is_deleted, **values}
            _insert(connection, "store.source_record", row)
            for ordinal, party in enumerate(() if one.is_deleted else one.parties):
                _insert(
                    connection,
                    "store.party",
                    {
                        "version": version,
                        "record_id": record_id,
                        "ordinal": ordinal,
                        **_party_id(connection, record_id, stored(party), keeps_names=keeps_names),
                    },
                )
            reason = "deleted" if one.is_deleted else "new" if version == 1 else "changed"
            connection.execute(
                text(
                    "INSERT INTO ops.pending (record_id, reason) VALUES (:id, :reason)"
                    " ON CONFLICT (record_id) DO UPDATE SET reason = :reason"
                ),
                {"id": record_id, "reason": reason},
            )


def _party_id(connection: Any, record_id: int, party: Party, *, keeps_names: bool) -> Party:
    same = connection.execute(
        text(
            "SELECT party_id FROM store.party WHERE record_id = :record AND role = :role AND kind = :kind"
            " AND coalesce(id_no, uscc, name, phone) = :who"
            " ORDER BY version DESC LIMIT 1"
        ),
        {
            "record": record_id,
            "role": party["role"],
            "kind": party["kind"],
            "who": party.get("id_no") or party.get("uscc") or party.get("name") or party.get("phone"),
        },
    ).scalar_one_or_none()
    if same is None and keeps_names:
        same = _of_that_name(connection, record_id, party)
    return {"party_id": same or _next(connection, "party", "party_id"), **party}


def _of_that_name(connection: Any, record_id: int, party: Party) -> int | None:
    """The party that a number has come to, or left: of that name, and never of another number."""
    found = connection.execute(
        text(
            "SELECT p.party_id FROM store.party p WHERE record_id = :record AND role = :role AND kind = :kind AND name = :name"
            " AND version = (SELECT max(version) FROM store.party WHERE record_id = :record)"
            " AND (coalesce(id_no, uscc) IS NULL) <> (CAST(:number AS text) IS NULL) AND NOT EXISTS"
            " (SELECT FROM store.party o WHERE o.party_id = p.party_id AND coalesce(o.id_no, o.uscc) <> :number)"
        ),
        {"record": record_id, "number": party.get("id_no") or party.get("uscc"), **{key: party[key] for key in ("role", "kind", "name")}},
    )
    return found.scalars().first()


def _next(connection: Any, table: str, column: str) -> int:
    """A number above those that there are: each connection has a stock of its own, and who came later must be the younger."""
    most = connection.execute(text(f"SELECT coalesce(max({column}), 0) FROM store.{table}")).scalar_one()
    while True:
        number = int(connection.execute(text(f"SELECT nextval('store.{column}_seq')")).scalar_one())
        if number > most:
            return number


def _insert(connection: Any, table: str, row: dict[str, Any]) -> None:
    columns = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join(f"CAST(:{name} AS jsonb)" if name == "references" else f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({marks})"), row)


def settle(engine: Engine, *records: Record, chunk: int = 2000, keeps_names: bool = False) -> ResolveReport:
    """Leave records and resolve."""
    put(engine, *records, keeps_names=keeps_names)
    return resolve(engine, Settings(resolve_chunk_records=chunk))


def rows(engine: Engine, sql: str, **params: Any) -> list[Any]:
    """Rows of a query as tuples; scalars where there is one column."""
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(sql), params)]
    return [row[0] for row in found] if found and len(found[0]) == 1 else found


def cases(engine: Engine) -> dict[str, str]:
    """Record, as department/number → case id."""
    return dict(
        rows(
            engine,
            "SELECT DISTINCT s.department || '/' || s.source_record_id, m.case_id::text FROM store.case_member m"
            " JOIN store.source_record s USING (record_id) WHERE m.known_to IS NULL",
        )
    )


def parties(engine: Engine, kind: str = "person") -> dict[str, str]:
    """Party, as department/number/ordinal → entity id."""
    return dict(
        rows(
            engine,
            f"SELECT s.department || '/' || s.source_record_id || '/' || p.ordinal, m.{kind}_id::text FROM store.{kind}_member m"
            " JOIN store.party p ON p.party_id = m.party_id AND p.known_to IS NULL AND p.known_from IS NOT NULL"
            " JOIN store.source_record s ON s.record_id = p.record_id AND s.known_to IS NULL WHERE m.known_to IS NULL",
        )
    )


def clusters(members: dict[str, str]) -> set[frozenset[str]]:
    """Members put together by entity, ids aside."""
    groups: dict[str, set[str]] = defaultdict(set)
    for member, entity in members.items():
        groups[entity].add(member)
    return {frozenset(group) for group in groups.values()}


def golden(engine: Engine, entity: str) -> dict[str, list[tuple[str, list[int]]]]:
    """Live golden values: field → (value, stated_by), best first."""
    found: dict[str, list[tuple[str, list[int]]]] = defaultdict(list)
    sql = "SELECT field, value, stated_by FROM store.golden_value WHERE entity_id = CAST(:id AS uuid) AND known_to IS NULL ORDER BY 1, rank"
    for name, value, stated_by in rows(engine, sql, id=entity):
        found[name].append((clear_number(name, value), stated_by))
    return dict(found)


def record_ids(engine: Engine) -> dict[str, int]:
    """Record, as department/number → record id."""
    return dict(rows(engine, "SELECT DISTINCT department || '/' || source_record_id, record_id FROM store.source_record"))


def party_ids(engine: Engine) -> dict[str, int]:
    """Party, as department/number/ordinal → party id, of current versions."""
    return dict(
        rows(
            engine,
            "SELECT s.department || '/' || s.source_record_id || '/' || p.ordinal, p.party_id FROM store.party p"
            " JOIN store.source_record s ON s.record_id = p.record_id AND s.known_to IS NULL WHERE p.known_to IS NULL",
        )
    )


TABLES = (
    "ops.pending", "ops.decision", "ops.change_counter", "store.link", "store.person", "store.organisation", "store.unified_case",
    "store.own_case",
    "store.person_member", "store.organisation_member", "store.case_member", "store.golden_record", "store.redirect", "store.review_task",
    "store.change", "store.person_key", "store.organisation_key", "store.case_key",
    "store.person_key_list", "store.organisation_key_list", "store.case_key_list", "store.source_record", "store.party",
)  # fmt: skip


def cleared(engine: Engine) -> None:
    """Empty all that resolve reads or writes; change numbers go on."""
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(table for table in TABLES if table != 'ops.change_counter')}"))


def snapshot(engine: Engine) -> dict[str, list[Any]]:
    """Every row that resolve may write, with the transaction that wrote it: equal only if nothing was written."""
    return {table: sorted(map(str, rows(engine, f"SELECT xmin::text, ctid::text, t::text FROM {table} t"))) for table in TABLES}


def invariants(engine: Engine) -> list[str]:
    """What must hold after every chunk, as complaints."""
    complaints = []
    for relation, node, entity, table in (
        ("person", "party_id", "person_id", "person"),
        ("organisation", "party_id", "organisation_id", "organisation"),
        ("case", "record_id", "case_id", "unified_case"),
    ):
        checks = {
            "a member of a closed entity": f"SELECT count(*) FROM store.{relation}_member m JOIN store.{table} e USING ({entity})"
            " WHERE m.known_to IS NULL AND e.known_to IS NOT NULL",
            "an open entity without members": f"SELECT count(*) FROM store.{table} e WHERE e.known_to IS NULL AND NOT EXISTS"
            f" (SELECT FROM store.{relation}_member m WHERE m.{entity} = e.{entity} AND m.known_to IS NULL)",
            "a redirect of an open entity": f"SELECT count(*) FROM store.redirect r JOIN store.{table} e ON e.{entity} = r.from_id"
            " WHERE r.known_to IS NULL AND e.known_to IS NULL",
            "a redirect to a closed entity": f"SELECT count(*) FROM store.redirect r JOIN store.{table} e ON e.{entity} = r.to_id"
            " WHERE r.known_to IS NULL AND e.known_to IS NOT NULL",
            "a golden value of a closed entity": f"SELECT count(*) FROM store.golden_value g JOIN store.{table} e"
            f" ON e.{entity} = g.entity_id"
            " WHERE g.known_to IS NULL AND e.known_to IS NOT NULL",
            "a live link of a node that is gone": "SELECT count(*) FROM store.link l WHERE l.known_to IS NULL"
            f" AND l.relation = '{relation}' AND"
            f" (SELECT count(*) FROM store.{relation}_member m WHERE m.known_to IS NULL AND m.{node} IN (l.left_id, l.right_id)) < 2",
            "a key of a node that is gone": f"SELECT count(*) FROM store.{relation}_key k WHERE NOT EXISTS"
            f" (SELECT FROM store.{relation}_member m WHERE m.{node} = k.{node} AND m.known_to IS NULL)",
            "a key that its node does not list": f"SELECT count(*) FROM store.{relation}_key k WHERE NOT EXISTS"
            f" (SELECT FROM store.{relation}_key_list l WHERE l.{node} = k.{node} AND k.key = ANY (l.keys))",
        }
        complaints += [f"{relation}: {what}" for what, sql in checks.items() if rows(engine, sql) != [0]]
    complaints += [f"{relation.name}: {what}" for relation in (PERSON, ORGANISATION) for what in _verified_numbers(engine, relation)]
    complaints += _own_cases(engine)
    numbers = rows(engine, "SELECT change_number FROM store.change ORDER BY change_number")
    last = rows(engine, "SELECT last_change FROM ops.change_counter")[0]
    if numbers and (len(set(numbers)) != len(numbers) or max(numbers) > last):
        complaints.append("change numbers doubled or beyond the counter")
    return complaints


def _own_cases(engine: Engine) -> list[str]:
    """A complaint where what departments are shown of cases with closed records of theirs is not what it would be, published anew."""
    shown = text("SELECT o::text FROM store.own_case o ORDER BY case_id, department")
    with engine.connect() as connection, connection.begin() as transaction:
        before = connection.execute(shown).scalars().all()
        connection.execute(text("DELETE FROM store.own_case"))
        connection.execute(text("SELECT store.publish_own_cases(ARRAY(SELECT case_id FROM store.unified_case))"))
        after = connection.execute(shown).scalars().all()
        transaction.rollback()
    return [] if before == after else ["what a department is shown of its closed records' cases is not what they are"]


def _verified_numbers(engine: Engine, relation: Relation) -> list[str]:
    """Complaints of entities with two verified numbers, or with a hash that is not the one number's."""
    sql = f"SELECT party_id AS id, {relation.entity}::text AS entity, identifier_hash AS kept FROM {relation.members} m"
    with engine.begin() as connection, Channel(connection) as channel:
        members = channel.read(f"{sql} JOIN {relation.table} USING ({relation.entity}) WHERE m.known_to IS NULL")
        nodes = read_nodes(channel, relation, members["id"])
        labels = labels_of(nodes, forms_of(Task.reading(channel, relation), nodes))
    stated = members.join(labels.select("id", "identifier_hash"), on="id")
    told = stated.group_by("entity").agg(pl.col("kept").first(), numbers=pl.col("identifier_hash").drop_nulls().unique())
    has_two = told["numbers"].list.len() > 1
    is_other = told["kept"].ne_missing(told["numbers"].list.first())
    return ["an entity with two numbers"] * has_two.any() + ["a hash that is not the number's"] * (is_other & ~has_two).any()


def shuffled(records: Iterable[Record], seed: int) -> list[list[Record]]:
    """The records in another order, cut into batches."""
    generator = random.Random(seed)
    pool = list(records)
    generator.shuffle(pool)
    batches = []
    while pool:
        size = generator.randint(1, max(1, len(pool)))
        batches.append(list(itertools.islice(pool, size)))
        pool = pool[size:]
    return batches
