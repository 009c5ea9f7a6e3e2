"""DECISIONS: what a person says of two nodes, kept for ever and applied by resolve's next chunk before anything else.

A "no" keeps the two apart through any chain, a "yes" links them; the newest word on a pair counts, "unsure" being none. Two
parties with two verified numbers are two whatever anybody says: to join them, the wrong number has to be corrected at its source.

A decision is about ids. A party has a new one once its record names it by another number or name, or has left it out for a version that
nobody has seen. Where it is the same by its name and number, a name came to its phone or went from it, or the name is written in other
characters (traditional ones, full width), what was said of it goes on to the new id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from hub.database import store_errors
from hub.encryption import NUMBERS, clear_number, key_ring
from hub.errors import BusyError, NotFound, RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from pipeline.store.channel import Channel

VERDICTS = ("yes", "no", "unsure")
_MEMBERS = {
    "person": ("store.person_member", "party_id"),
    "organisation": ("store.organisation_member", "party_id"),
    "case": ("store.case_member", "record_id"),
}
_NUMBERS = {"person": "id_no", "organisation": "uscc"}
_INSERT = """
INSERT INTO ops.decision (relation, left_id, right_id, verdict, decided_by, reason)
VALUES (:relation, :left, :right, :verdict, :decided_by, :reason) RETURNING decision_id
"""
_TAKE_APART = """
INSERT INTO ops.decision (relation, left_id, right_id, verdict, decided_by, reason)
SELECT :relation, least(o.{node}, :node), greatest(o.{node}, :node), 'no', :decided_by, :reason
FROM {table} m JOIN {table} o ON o.{entity} = m.{entity} AND o.known_to IS NULL AND o.{node} <> :node
WHERE m.{node} = :node AND m.known_to IS NULL
"""
# Held until the decision is committed, so that RESOLVE, which publishes their next versions and carries over what was said of them
# before, finds it. What RESOLVE has in hand is left aside: waiting for each other's would be a deadlock.
_HOLD = """
SELECT party_id FROM store.party WHERE party_id = ANY (:ids) AND known_to IS NULL AND known_from IS NOT NULL FOR SHARE SKIP LOCKED
"""
_ONE_WITH = """
SELECT o.{node} FROM {table} m JOIN {table} o ON o.{entity} = m.{entity} AND o.known_to IS NULL
WHERE m.{node} = :node AND m.known_to IS NULL
"""
# Told before and now by role, kind and name, however that is written, in the order in which the record names them; two numbers are
# two people. A phone tells who where a name came to it or went, and nobody else has it. What was said last may be from before a
# deletion, and what was never published nobody can have judged. "unsure" goes on where nobody said more: that asks no second time.
_CARRY_OVER = """
WITH now AS (
    SELECT p.*, coalesce({name}, {phone}) AS who, {phone} AS dialled, coalesce({id_no}, p.uscc) AS number
    FROM unnest(%(ids)s::bigint[]) AS t (id) CROSS JOIN LATERAL (
        SELECT * FROM store.party WHERE record_id = t.id AND known_from = %(change)s AND known_to IS NULL AND version > 1 OFFSET 0
    ) p
), before AS (
    SELECT p.*, coalesce({name}, {phone}) AS who, {phone} AS dialled, coalesce({id_no}, p.uscc) AS number
    FROM (SELECT DISTINCT record_id, version FROM now) n CROSS JOIN LATERAL (
        SELECT max(version) AS version FROM store.source_record s
        WHERE s.record_id = n.record_id AND s.version < n.version AND s.known_from < %(change)s AND s.known_to > s.known_from
          AND NOT s.is_deleted
    ) newest CROSS JOIN LATERAL (SELECT * FROM store.party WHERE record_id = n.record_id AND version = newest.version OFFSET 0) p
), came AS (
    SELECT *, row_number() OVER (PARTITION BY record_id, role, kind, who ORDER BY ordinal) AS turn,
           count(*) OVER (PARTITION BY record_id, role, kind, dialled) AS sharing
    FROM now WHERE party_id NOT IN (SELECT party_id FROM before)
), went AS (
    SELECT *, row_number() OVER (PARTITION BY record_id, role, kind, who ORDER BY ordinal) AS turn,
           count(*) OVER (PARTITION BY record_id, role, kind, dialled) AS sharing
    FROM before WHERE party_id NOT IN (SELECT party_id FROM now)
), heir AS (
    SELECT w.kind, w.party_id AS old, c.party_id AS new FROM went w JOIN came c USING (record_id, role, kind, who, turn)
    WHERE w.number IS NULL OR c.number IS NULL OR w.number = c.number
    UNION ALL
    SELECT w.kind, w.party_id, c.party_id FROM went w JOIN came c USING (record_id, role, kind, dialled)
    WHERE (w.name IS NULL) <> (c.name IS NULL) AND w.sharing = 1 AND c.sharing = 1
      AND (w.number IS NULL OR c.number IS NULL OR w.number = c.number)
), said AS (
    SELECT DISTINCT ON (d.relation, d.left_id, d.right_id) d.* FROM heir h CROSS JOIN LATERAL (
        SELECT * FROM ops.decision WHERE relation = h.kind AND left_id = h.old
        UNION ALL SELECT * FROM ops.decision WHERE relation = h.kind AND right_id = h.old
    ) d ORDER BY d.relation, d.left_id, d.right_id, d.verdict = 'unsure', d.decision_id DESC
)
INSERT INTO ops.decision (relation, left_id, right_id, verdict, decided_by, decided_at, reason)
SELECT relation, least(one, other), greatest(one, other), verdict, decided_by, decided_at, reason FROM (
    SELECT s.*, coalesce(l.new, s.left_id) AS one, coalesce(r.new, s.right_id) AS other
    FROM said s LEFT JOIN heir l ON l.old = s.left_id LEFT JOIN heir r ON r.old = s.right_id
) renamed ORDER BY decision_id
"""
_AS_STORED = {name: f"p.{name}" for name in NUMBERS}
_NAMES = """
SELECT DISTINCT p.name FROM unnest(%(ids)s::bigint[]) AS t (id) CROSS JOIN LATERAL (
    SELECT name FROM store.party WHERE record_id = t.id AND name IS NOT NULL AND (version > 1 OR known_to IS NOT NULL) OFFSET 0
) p
"""
# Names that are written in traditional characters, in full width or in capitals, and the same without.
_FOLDED_TABLE = "CREATE TEMP TABLE IF NOT EXISTS folded (stored text PRIMARY KEY, plain text NOT NULL) ON COMMIT DELETE ROWS"
_FOLDED = "coalesce((SELECT f.plain FROM folded f WHERE f.stored = p.name), p.name)"
# While a store is being encrypted, or from one key to another, one number stands in two forms. A phone tells who where a name does not.
_STORED_OTHERWISE = """
SELECT DISTINCT p.id_no, p.phone FROM unnest(%(ids)s::bigint[]) AS t (id) CROSS JOIN LATERAL (
    SELECT id_no, phone FROM store.party WHERE record_id = t.id AND (version > 1 OR known_to IS NOT NULL) OFFSET 0
) p WHERE left(p.id_no, %(length)s) <> %(prefix)s OR left(p.phone, %(length)s) <> %(prefix)s
"""


def decide(engine: Engine, relation: str, pair: tuple[int, int], verdict: str, *, decided_by: str, reason: str | None = None) -> int:
    """Record what a person says of a pair.

    Args:
        engine: the store.
        relation: person, organisation or case.
        pair: two party ids, or two record ids of relation case, in any order.
        verdict: yes, no or unsure.
        decided_by: who says so.
        reason: in words.

    Returns:
        The decision's id.

    Raises:
        RequestError: no such relation or verdict, a pair of one, or a yes for two verified numbers.
        NotFound: a node that is not, or no longer, in the store.
        BusyError: resolve has one of the two in hand.
    """
    if relation not in _MEMBERS or verdict not in VERDICTS:
        allowed = ", ".join(_MEMBERS if relation not in _MEMBERS else VERDICTS)
        raise RequestError(
            "无法识别此复核结论 · the decision cannot be read",
            remedy=f"可用值 · give one of: {allowed}",
            relation=relation,
            verdict=verdict,
        )
    left, right = sorted(pair)
    if left == right:
        raise RequestError(
            "复核结论须针对两项 · a decision is about two", remedy="写明两个不同的 · name two different ones", relation=relation
        )
    values = {"relation": relation, "left": left, "right": right, "verdict": verdict, "decided_by": decided_by, "reason": reason}
    with store_errors(), engine.begin() as connection:
        is_held = _hold(connection, relation, [left, right])
        _require_members(connection, relation, left, right)
        _require_held(relation, is_held=is_held)
        if verdict == "yes":
            _require_no_conflict(connection, relation, left, right)
        return int(connection.execute(text(_INSERT), values).scalar_one())


def take_apart(engine: Engine, relation: str, node: int, *, decided_by: str, reason: str | None = None) -> int:
    """Say that a node is none of those that it is one with now: a "no" to each of them, in one transaction.

    Args:
        engine: the store.
        relation: person, organisation or case.
        node: a party id, or a record id of relation case.
        decided_by: who says so.
        reason: in words.

    Returns:
        How many it was one with.

    Raises:
        RequestError: no such relation, or the node is one with nobody.
        NotFound: it is not, or no longer, in the store.
        BusyError: resolve has one of them in hand.
    """
    if relation not in _MEMBERS:
        raise RequestError(
            "无法识别此复核结论 · the decision cannot be read", remedy=f"可用值 · give one of: {', '.join(_MEMBERS)}", relation=relation
        )
    table, column = _MEMBERS[relation]
    values = {"relation": relation, "node": node, "decided_by": decided_by, "reason": reason}
    with store_errors(), engine.begin() as connection:
        if not connection.execute(
            text(f"SELECT EXISTS (SELECT FROM {table} WHERE {column} = :node AND known_to IS NULL)"), values
        ).scalar():
            raise NotFound(
                "库中没有该项，或已不存在 · it is not, or no longer, in the store",
                remedy="请重新查找 · look it up again",
                relation=relation,
            )
        names = {"table": table, "node": column, "entity": f"{relation}_id"}
        ids = connection.execute(text(_ONE_WITH.format(**names)), values).scalars().all()
        _require_held(relation, is_held=_hold(connection, relation, ids))
        sql = _TAKE_APART.format(**names)
        others = connection.execute(text(sql), values).rowcount
    if not others:
        raise RequestError(
            "该项未与任何项合并 · it is one with nobody", remedy="无须拆分 · there is nothing to take apart", relation=relation
        )
    return int(others)


def carry_over(channel: Channel, records: pl.Series, change: int) -> None:
    """Say of parties that have a new id, and are the same as before by name, number or phone, what a person said last of the old one.

    It is done when versions are published and not when they are written: until then a person judges the old id.

    Args:
        channel: of the chunk's transaction, in which the versions have just been published.
        records: whose.
        change: their change number.
    """
    from pipeline.store.protected import RENEWED_NUMBERS

    numbers = RENEWED_NUMBERS if _renew(channel, records) else _AS_STORED
    name = _FOLDED if _fold(channel, records) else "p.name"
    channel.run("SET LOCAL enable_hashjoin = on")  # thousands of parties that went are joined with thousands that came
    channel.run(_CARRY_OVER.format(**numbers, name=name), ids=records, change=change)
    channel.run("SET LOCAL enable_hashjoin = off")


def _renew(channel: Channel, records: pl.Series) -> bool:
    """Note the current form of numbers that versions of these records hold in another one, in `renewed`; whether there are any."""
    from pipeline.store.protected import RENEWED_TABLE, renewed

    ring = key_ring()
    if ring is None:
        return False
    prefix = ring.current_prefix
    found = renewed(ring, channel.read(_STORED_OTHERWISE, ids=records, prefix=prefix, length=len(prefix)))
    if found.height:
        channel.run(RENEWED_TABLE)
        channel.copy("renewed", found)
    return found.height > 0


def _fold(channel: Channel, records: pl.Series) -> bool:
    """Note in `folded` the plain form of names that versions of these records write otherwise; whether there are any."""
    from schema.folding import fold

    names = channel.read(_NAMES, ids=records)["name"]
    plain = fold(names)
    is_other = plain != names
    if is_other.any():
        channel.run(_FOLDED_TABLE)
        channel.copy("folded", names.filter(is_other).to_frame("stored").with_columns(plain=plain.filter(is_other)))
    return bool(is_other.any())


def _hold(connection: Connection, relation: str, ids: Sequence[int]) -> bool:
    """Hold parties as they are until the transaction ends; whether nobody else does. A record's id is its own for good."""
    if relation == "case":
        return True
    return set(connection.execute(text(_HOLD), {"ids": list(ids)}).scalars()) == set(ids)


def _require_held(relation: str, *, is_held: bool) -> None:
    if not is_held:
        raise BusyError(
            "识别正在处理其中一项 · resolve has one of them in hand", remedy="请稍后重试 · say it again in a moment", relation=relation
        )


def _require_members(connection: Connection, relation: str, left: int, right: int) -> None:
    table, node = _MEMBERS[relation]
    sql = f"SELECT count(*) FROM {table} WHERE {node} IN (:left, :right) AND known_to IS NULL"
    if connection.execute(text(sql), {"left": left, "right": right}).scalar_one() != 2:
        raise NotFound(
            "其中一项不在库中，或已不存在 · one of the two is not, or no longer, in the store",
            remedy="请重新查找这一对 · look the pair up again",
            relation=relation,
        )


def _require_no_conflict(connection: Connection, relation: str, left: int, right: int) -> None:
    column = _NUMBERS.get(relation)
    if column is None:
        return
    sql = f"SELECT DISTINCT {column} FROM store.party WHERE party_id IN (:left, :right) AND known_to IS NULL AND {column} IS NOT NULL"
    stored = connection.execute(text(sql), {"left": left, "right": right}).scalars()
    numbers = list({clear_number(column, one) for one in stored})
    if len(numbers) > 1 and _all_verified(relation, numbers):
        raise RequestError(
            "两者有两个不同的有效号码，不可合并 · the two have two valid numbers and cannot be one",
            remedy="请在来源更正有误的号码，更正后自动关联 · have the wrong number corrected at its source; then they link",
            relation=relation,
        )


def _all_verified(relation: str, numbers: list[str]) -> bool:
    import polars as pl

    from matching.identifiers import credit_codes, id_numbers

    states = (
        id_numbers(pl.Series(numbers), frozenset())["id_state"]
        if relation == "person"
        else credit_codes(pl.Series(numbers), frozenset())["uscc_state"]
    )
    return bool((states == "verified").all())
