"""What one chunk of resolve begins with: work taken from ops.pending and ops.decision, and its newest versions published.

Leaves, per relation, the nodes to look at: those whose comparable values may have changed, those that are only to be
read again (another version, the same values), and those that are gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from pipeline.resolving.relations import CASE, OF_RECORD, ORGANISATION, PERSON, Relation, rows_of_parties
from pipeline.store.channel import Channel
from schema.records import PARTY, RECORD

DECISIONS_AT_ONCE = 500

# Rows that normalise is just now writing are left for a later chunk instead of waited for: waiting could deadlock.
_TAKE = """
SELECT record_id, reported_epoch_s, reason FROM ops.pending WHERE (reported_epoch_s, record_id) > (%(epoch_s)s, %(record_id)s)
ORDER BY reported_epoch_s, record_id LIMIT %(most)s FOR UPDATE SKIP LOCKED
"""
_REMOVE = "DELETE FROM ops.pending WHERE record_id = ANY (%(ids)s::bigint[])"
_DECISIONS = """
SELECT decision_id, relation, left_id, right_id FROM ops.decision WHERE applied_change IS NULL ORDER BY decision_id LIMIT %(most)s
"""
_NUMBER = "UPDATE ops.change_counter SET last_change = last_change + 1 WHERE epoch = (SELECT max(epoch) FROM ops.change_counter)"
_EPOCH = "SELECT epoch, last_change FROM ops.change_counter ORDER BY epoch DESC LIMIT 1"

_PUBLISH_RECORDS = """
WITH newest AS (
    SELECT record_id, max(version) AS version FROM store.source_record
    WHERE record_id = ANY (%(ids)s::bigint[]) AND known_to IS NULL GROUP BY record_id
)
UPDATE store.source_record s
SET known_from = coalesce(s.known_from, %(change)s), known_to = CASE WHEN s.version < n.version THEN %(change)s END
FROM newest n
WHERE s.record_id = ANY (%(ids)s::bigint[]) AND s.record_id = n.record_id AND s.known_to IS NULL
  AND (s.known_from IS NULL OR s.version < n.version)
"""
_PUBLISH_PARTIES = """
UPDATE store.party p
SET known_from = coalesce(p.known_from, %(change)s), known_to = CASE WHEN p.version < s.version THEN %(change)s END
FROM store.source_record s
WHERE p.record_id = ANY (%(ids)s::bigint[]) AND s.record_id = ANY (%(ids)s::bigint[]) AND s.record_id = p.record_id AND s.known_to IS NULL
  AND p.known_to IS NULL AND (p.known_from IS NULL OR p.version < s.version)
"""
# What a version says: all that a caller can read of it, and so what the change feed compares; matching compares less.
_NAMES_IT = ("department", "source_record_id", "version")
_SAID, _SAID_OF_PARTY = ([name for name in shape.names if name not in _NAMES_IT] for shape in (RECORD, PARTY))


# What is read of a party beside how it differs from what it was: enough for `rows_of_parties`.
_OF_PARTY = ("version", "ordinal", "role", "name", "id_type", "id_no", "uscc", "phone", "own_address", "gender", "birth_date")


def _same(names: list[str]) -> str:
    new, old = (", ".join(f'{alias}."{name}"' for name in names) for alias in "no")
    return f"({new}) IS NOT DISTINCT FROM ({old})"


# A version that was never published before its successor came stays out: its interval is empty.
_RECORDS = f"""
SELECT n.record_id AS id, n.is_deleted, o.record_id IS NOT NULL AND NOT o.is_deleted AS was_published,
    n.address IS NOT DISTINCT FROM o.address AS same_address, (n.visibility = 'shared') = (o.visibility = 'shared') AS same_readers,
    coalesce((n.case_number, n.title, n.text, n.category, n.occurred_at, n.reported_at, n.amount, n.people_involved, n.address, n.street,
     n.community, n.longitude, n.latitude, n."references") IS NOT DISTINCT FROM
    (o.case_number, o.title, o.text, o.category, o.occurred_at, o.reported_at, o.amount, o.people_involved, o.address, o.street,
     o.community, o.longitude, o.latitude, o."references"), false) AND o.is_deleted IS NOT TRUE AS is_same,
    {_same(_SAID)} AS says_same, {_same(["visibility", "street", "community"])} AS same_place,
    n.address AS record_address, {", ".join(f"n.{name}" for name in OF_RECORD)}
FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT * FROM store.source_record WHERE record_id = t.id AND known_to IS NULL ORDER BY version DESC LIMIT 1) n
LEFT JOIN LATERAL (
    SELECT * FROM store.source_record
    WHERE record_id = t.id AND known_to IS NULL AND known_from IS NOT NULL AND version < n.version OFFSET 0
) o ON true
WHERE n.known_from IS NULL
"""
_PARTIES = f"""
SELECT t.id AS record_id, b.* FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT max(version) AS version FROM store.source_record WHERE record_id = t.id AND known_to IS NULL) v
CROSS JOIN LATERAL (
    SELECT coalesce(n.party_id, o.party_id) AS id, coalesce(n.kind, o.kind) AS kind, n.party_id IS NOT NULL AS is_live,
        n.address IS NULL AS lives_at_record, o.party_id IS NOT NULL AS was_published,
        n.party_id IS NOT NULL AND o.party_id IS NOT NULL AND
        (n.role, n.name, n.id_no, n.uscc, n.phone, n.address, n.gender, n.birth_date) IS NOT DISTINCT FROM
        (o.role, o.name, o.id_no, o.uscc, o.phone, o.address, o.gender, o.birth_date) AS is_same,
        n.party_id IS NOT NULL AND o.party_id IS NOT NULL AND {_same(_SAID_OF_PARTY)} AS says_same,
        n.address AS own_address, {", ".join(f"n.{name}" for name in _OF_PARTY if name != "own_address")}
    FROM (
        SELECT * FROM store.party WHERE record_id = t.id AND known_to IS NULL AND known_from IS NULL AND version = v.version OFFSET 0
    ) n
    FULL JOIN (
        SELECT * FROM store.party WHERE record_id = t.id AND known_to IS NULL AND known_from IS NOT NULL AND version < v.version OFFSET 0
    ) o ON n.party_id = o.party_id
) b
"""


_STANDING = """
SELECT p.party_id AS id, p.kind FROM unnest(%(ids)s::bigint[]) AS t (id) CROSS JOIN LATERAL (
    SELECT party_id, kind FROM store.party WHERE record_id = t.id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0
) p
"""
#: Why a record waits whose parties are to be compared anew too, whatever they were compared by before.
RELINK = "relink"
#: Why a record waits whose parties have come to be others than it was compared by.
PARTY_CHANGED = "party_changed"
#: Why a record waits whose entities are to show anew what their members say, by other survivorship rules; nothing is compared.
VALUES = "values"


@dataclass(frozen=True, order=True)
class Place:
    """A place in the order of work."""

    reported_epoch_s: int = -(2**62)  # before whatever there is
    record_id: int = 0


@dataclass(frozen=True)
class Touched:
    """Nodes of one relation that a chunk has to do with, each in one of four."""

    new: pl.Series  # not there before
    changed: pl.Series  # there before with other values, or to be looked at for another reason
    refresh: pl.Series  # republished with the same values: only what the entity shows may differ
    gone: pl.Series  # published before, and no longer there
    news: pl.Series  # of all these, those that say something else to somebody, compared or not

    @property
    def is_empty(self) -> bool:
        """The chunk has nothing to do with the relation."""
        return not any(map(len, (self.new, self.changed, self.refresh, self.gone)))


@dataclass
class Intake:
    """A chunk: its change number, the records taken, the decisions applied, and the nodes to look at."""

    epoch: int
    change: int
    records: pl.Series
    last: Place  # of the records taken
    decisions: pl.DataFrame
    relinked: pl.Series  # of the records, those whose parties are looked at again too
    asked_again: pl.Series  # of the records, those that are compared anew even if a version came meanwhile that says the same
    revalued: pl.Series  # of the records, those that are only to be shown anew
    touched: dict[Relation, Touched] = field(default_factory=dict)
    parties: pl.DataFrame = field(default_factory=pl.DataFrame)  # that came with the records, as `read_parties` gives them


def take(channel: Channel, after: Place, most: int) -> Intake | None:
    """Take the next work in the order in which it was reported.

    Args:
        channel: of the chunk's transaction.
        after: place after which to go on, so that rows just deleted are not passed over again and again.
        most: how many records at most.

    Returns:
        None where nothing is left after that place.
    """
    taken = channel.read(_TAKE, epoch_s=after.reported_epoch_s, record_id=after.record_id, most=most)
    decisions = channel.read(_DECISIONS, most=DECISIONS_AT_ONCE)
    if taken.is_empty() and decisions.is_empty():
        return None
    channel.run(_REMOVE, ids=taken["record_id"])
    channel.run(_NUMBER)
    epoch, change = channel.read(_EPOCH).row(0)
    last = Place(*taken.select("reported_epoch_s", "record_id").row(-1)) if taken.height else after
    relinked = taken.filter(pl.col("reason") == RELINK)["record_id"].sort()
    asked_again = taken.filter(pl.col("reason").is_in([RELINK, PARTY_CHANGED]))["record_id"].sort()
    revalued = taken.filter(pl.col("reason") == VALUES)["record_id"].sort()
    return Intake(epoch, change, taken["record_id"].sort(), last, decisions, relinked, asked_again, revalued)


def publish_versions(channel: Channel, intake: Intake) -> None:
    """Make the newest version of each record taken the current one, and say which nodes that touches."""
    ids, change = intake.records, intake.change
    # Read as they are before: forms of what comes are made while it is being published. Nothing newer can come between: whoever
    # brings a version writes the record's row in ops.pending with it, and waits for this chunk.
    waiting, of_parties = channel.ask(_RECORDS, ids=ids), channel.ask(_PARTIES, ids=ids)
    channel.run("SET LOCAL enable_hashjoin = on")  # both sides are read by index; all else here is one look-up a row
    channel.run(_PUBLISH_RECORDS, ids=ids, change=change)
    channel.run(_PUBLISH_PARTIES, ids=ids, change=change)
    channel.run("SET LOCAL enable_hashjoin = off")
    records, parties = waiting(), of_parties()
    intake.parties = _at_hand(parties, records)
    parties, records = parties.drop(_OF_PARTY), records.drop("record_address", *OF_RECORD)
    # Whose record was closed or opened takes another place among those that show a key: see candidates.SHOWN.
    records = records.with_columns(pl.col("same_readers").fill_null(False)).with_columns(is_same=pl.col("is_same") & pl.col("same_readers"))
    same = records.select(pl.col("id").alias("record_id"), "same_address", "same_readers", "same_place")
    parties = parties.join(same, on="record_id", how="left").with_columns(
        is_same=pl.col("is_same") & pl.col("same_readers") & (pl.col("same_address") | ~pl.col("lives_at_record"))
    )
    others = parties.filter(~pl.col("says_same"))["record_id"]  # a case says what its parties say
    records = records.with_columns(is_news=~pl.col("says_same") | pl.col("id").is_in(others.implode()))
    # A party is read by whoever may read its record: where that goes elsewhere, other callers see it come or go.
    parties = parties.with_columns(is_news=~(pl.col("says_same") & pl.col("same_place")))
    none = parties.select("id", "kind").clear()
    standing = channel.read(_STANDING, ids=intake.relinked) if len(intake.relinked) else none
    revalued = intake.revalued.filter(~intake.revalued.is_in(records["id"].implode()))  # a version that came meanwhile is shown anyhow
    shown = channel.read(_STANDING, ids=revalued) if len(revalued) else none
    for relation in (PERSON, ORGANISATION):
        is_of_kind = pl.col("kind") == relation.name
        told = pl.concat([_decided(intake, relation), standing.filter(is_of_kind)["id"]])
        intake.touched[relation] = _sorted_out(parties.filter(is_of_kind), ~pl.col("is_live"), told, shown.filter(is_of_kind)["id"])
    other_parties = parties.filter(~(pl.col("is_live") & pl.col("was_published")))["record_id"]
    without_version = intake.records.filter(~intake.records.is_in(pl.concat([records["id"], revalued]).implode()))
    told = pl.concat([other_parties, without_version, intake.asked_again, _decided(intake, CASE)])
    intake.touched[CASE] = _sorted_out(records, pl.col("is_deleted"), told, revalued)


def _at_hand(parties: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Rows of the parties that are current from now on: to look them up once more takes as long as all of this."""
    standing = records.filter(~pl.col("is_deleted")).select("record_address", *OF_RECORD, record_id="id")
    return rows_of_parties(parties.filter("is_live"), standing)


def _decided(intake: Intake, relation: Relation) -> pl.Series:
    pairs = intake.decisions.filter(pl.col("relation") == relation.name)
    return pl.concat([pairs["left_id"], pairs["right_id"]])


def _sorted_out(nodes: pl.DataFrame, is_gone: pl.Expr, told: pl.Series, shown: pl.Series) -> Touched:
    gone = nodes.filter(is_gone)["id"]
    live = nodes.filter(~is_gone)
    new = live.filter(~pl.col("was_published"))["id"]
    changed = pl.concat([live.filter(pl.col("was_published") & ~pl.col("is_same"))["id"], told]).unique().sort()
    changed = changed.filter(~changed.is_in(pl.concat([new, gone]).implode()))
    refresh = pl.concat([live["id"], shown])
    refresh = refresh.filter(~refresh.is_in(pl.concat([new, changed]).implode()))
    return Touched(new, changed, refresh, gone, nodes.filter("is_news")["id"])
