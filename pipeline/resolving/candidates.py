"""BLOCKING over the store: which published nodes share a key with a chunk's.

Key tables hold 64 bits of each key. A node shows its keys there only as long as few of its own entity show the same one:
the thousandth record of one employer adds nothing that the first dozen do not say, and would make every look-up dearer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash

from hub.encryption import KeyRing, key_ring
from pipeline.resolving.members import entities_of
from pipeline.resolving.relations import Relation
from pipeline.store.channel import Channel

logger = logging.getLogger(__name__)

#: Of one entity, as many nodes show a key: of those that everybody may read, and beside them of each department's closed ones.
SHOWN = 16
#: Of one entity, with as many candidates a node is compared first; with the others only if none of these links.
COMPARED = 6
#: Of one key, as many nodes are looked at; more is a key that the model should call over-common.
BLOCK_MOST = 1000
#: Of one key, as many of a chunk's own nodes are compared each with each.
CROWD = 200

_BLOCKS = """
SELECT t.key, b.id FROM unnest(%(keys)s::bigint[]) AS t (key)
CROSS JOIN LATERAL (SELECT {node} AS id FROM {keys} WHERE key = t.key ORDER BY {node} LIMIT %(most)s) b
"""
_READERS = """
SELECT t.id, CASE WHEN r.visibility = 'shared' THEN '' ELSE r.department END AS readers FROM unnest(%(ids)s::bigint[]) AS t (id) {record}
CROSS JOIN LATERAL (SELECT visibility, department FROM store.source_record
    WHERE record_id = {id} AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0) r
"""
_RECORD_OF_PARTY = """
CROSS JOIN LATERAL (SELECT record_id FROM store.party WHERE party_id = t.id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0) p
"""
# A node's keys are looked up in its list: an index of the key table by node would cost every key once more.
_HIDE = """
WITH hidden AS (DELETE FROM {key_lists} WHERE {node} = ANY (%(ids)s::bigint[]) RETURNING {node}, keys)
DELETE FROM {keys} k USING (SELECT {node}, unnest(keys) AS key FROM hidden) h WHERE k.key = h.key AND k.{node} = h.{node}
"""


@dataclass(frozen=True)
class Met:
    """Nodes of a chunk and published ones under one key: (key, id, other)."""

    shared: pl.DataFrame

    def pairs(self) -> pl.DataFrame:
        """(id, other, keys): how many keys each pair shares."""
        return self.shared.group_by("id", "other").agg(pl.len().alias("keys"))


def key_numbers(keys: pl.Series) -> pl.Series:
    """Blocking keys as the key tables hold them: 64 bits of XXH3, hidden where the store is encrypted; null for null."""
    ring = key_ring()
    return _numbered(keys, lambda digests: hide_numbers(digests, ring))


def key_numbers_of(keys: Sequence[str]) -> list[int]:
    """The same of a few keys."""
    numbers: list[int] = hide_numbers(_digests(keys), key_ring()).view(np.int64).tolist()
    return numbers


def open_key_numbers(keys: pl.Series) -> pl.Series:
    """Keys of what is no secret, as tables hold them: 64 bits of XXH3; null for null."""
    return _numbered(keys, lambda digests: digests)


def open_key_numbers_of(keys: Sequence[str]) -> list[int]:
    """The same of a few keys."""
    numbers: list[int] = _digests(keys).view(np.int64).tolist()
    return numbers


def hide_numbers(digests: npt.NDArray[np.uint64], ring: KeyRing | None) -> npt.NDArray[np.uint64]:
    """Digests as key tables hold them: of an encrypted store nobody finds out what was digested by trying what it may be."""
    if ring is None or not len(digests):
        return digests
    blocks = np.zeros((len(digests), 2), dtype=np.uint64)
    blocks[:, 0] = digests
    return np.frombuffer(ring.hide(blocks.tobytes()), dtype=np.uint64)[::2].copy()


def _digests(keys: Sequence[str]) -> npt.NDArray[np.uint64]:
    return np.fromiter((xxhash.xxh3_64_intdigest(key.encode()) for key in keys), dtype=np.uint64, count=len(keys))


def _numbered(keys: pl.Series, change: Callable[[npt.NDArray[np.uint64]], npt.NDArray[np.uint64]]) -> pl.Series:
    # Each anew, for few keys are there twice: to find these takes four times as long as to digest them.
    there = keys.drop_nulls()
    digests = np.fromiter(map(xxhash.xxh3_64_intdigest, there.cast(pl.Binary).to_list()), dtype=np.uint64, count=len(there))
    numbers = pl.Series(keys.name, change(digests).view(np.int64))
    if len(there) == len(keys):
        return numbers
    place = pl.select(pl.when(keys.is_not_null()).then(keys.is_not_null().cum_sum() - 1)).to_series()
    return numbers.gather(place)


@dataclass(frozen=True)
class Blocks:
    """Published nodes under the keys that were asked for: (key, other)."""

    keys: pl.Series
    shared: pl.DataFrame


NO_BLOCKS = Blocks(pl.Series(dtype=pl.Int64), pl.DataFrame(schema={"key": pl.Int64, "other": pl.Int64}))


def read_blocks(channel: Channel, relation: Relation, keys: pl.Series, known: Blocks = NO_BLOCKS) -> Blocks:
    """Published nodes under keys, read as far as they are not known."""
    asked = keys.unique().sort()
    unknown = asked.filter(~asked.is_in(known.keys.implode())) if len(known.keys) else asked
    read = channel.read(_BLOCKS.format(node=relation.node, keys=relation.keys), keys=unknown, most=BLOCK_MOST)
    crowded = read.group_by("key").len().filter(pl.col("len") >= BLOCK_MOST).height
    if crowded:
        logger.warning(
            "%s: %d keys are shared by %d nodes or more; the model should call them over-common", relation.name, crowded, BLOCK_MOST
        )
    return Blocks(pl.concat([known.keys, unknown]), pl.concat([known.shared, read.rename({"id": "other"})]))


def meet_published(blocks: Blocks, keys: pl.DataFrame, unless: pl.Series) -> Met:
    """Published nodes that share a key, but for those given, whose keys are being replaced.

    Args:
        blocks: of all these keys.
        keys: (id, key) of the chunk's nodes, keys as numbers.
        unless: nodes to leave out.
    """
    others = blocks.shared.filter(~pl.col("other").is_in(unless.implode()))
    return Met(keys.join(others, on="key", how="inner").select("key", "id", "other"))


def meet_within(keys: pl.DataFrame, among: pl.DataFrame) -> pl.DataFrame:
    """(left, right) of a chunk's nodes that share a key; where a crowd shares one, each with its next neighbours alone.

    Args:
        keys: (id, key) of the nodes to find others for.
        among: (id, key) of all of the chunk's nodes, these included.
    """
    crowded = among.filter(pl.col("key").is_duplicated())  # most keys are one node's alone
    shared = crowded.join(keys.select("key").unique(), on="key", how="semi").unique().sort("key", "id")
    placed = shared.with_columns(place=pl.int_range(pl.len()).over("key"), size=pl.len().over("key")).filter(pl.col("size") > 1)
    small = placed.filter(pl.col("size") <= CROWD)
    pairs = [small.join(small, on="key", suffix="_right").filter(pl.col("id") < pl.col("id_right")).select(left="id", right="id_right")]
    crowd = placed.filter(pl.col("size") > CROWD)
    if crowd.height:
        steps = crowd.select("key", "id", pl.col("place") + pl.lit(1)).rename({"place": "next"})
        for step in range(COMPARED):
            after = crowd.join(
                steps.with_columns(pl.col("next") + step), left_on=["key", "place"], right_on=["key", "next"], suffix="_before"
            )
            pairs.append(after.select(left="id_before", right="id"))
    wanted = keys["id"].implode()
    return pl.concat(pairs).unique().filter(pl.col("left").is_in(wanted) | pl.col("right").is_in(wanted))


def readers_of(channel: Channel, relation: Relation, ids: pl.Series) -> pl.DataFrame:
    """(id, readers) of published nodes: empty where everybody may read the record, else the department that alone does."""
    if ids.is_empty():
        return pl.DataFrame(schema={"id": pl.Int64, "readers": pl.String})
    is_record = relation.node == "record_id"
    sql = _READERS.format(record="" if is_record else _RECORD_OF_PARTY, id="t.id" if is_record else "p.record_id")
    return channel.read(sql, ids=ids.unique().sort())


def readers_in() -> pl.Expr:
    """The same of nodes whose rows are there."""
    return pl.when(pl.col("visibility") == "shared").then(pl.lit("")).otherwise("department").alias("readers")


def in_turn(channel: Channel, relation: Relation, met: Met) -> pl.DataFrame:
    """(id, other, entity, is_first): whom to compare first, and whom only if of that entity the first do not link.

    First come, of each entity, those that share most keys, then the oldest. `entity` is null where all come first.
    """
    pairs = met.pairs()
    many = pairs.filter(pl.len().over("id") > COMPARED)
    few = pairs.join(many.select("id").unique(), on="id", how="anti") if many.height else pairs
    all_first = few.select("id", "other", entity=pl.lit(None, pl.String), is_first=pl.lit(True))
    if many.is_empty():
        return all_first
    entities = entities_of(channel, relation, many["other"])
    ranked = many.join(entities, left_on="other", right_on="id", how="left").sort(["keys", "other"], descending=[True, False])
    placed = ranked.with_columns(is_first=pl.int_range(pl.len()).over("id", "entity") < COMPARED)
    return pl.concat([all_first, placed.select(all_first.columns)])


def show_keys(channel: Channel, relation: Relation, keys: pl.DataFrame, met: Met) -> pl.DataFrame:
    """Put the chunk's keys into the key table, but for those that many show.

    Args:
        channel: of the chunk's transaction; the nodes' former keys are gone already.
        relation: whose key table.
        keys: (id, key) of the chunk's nodes.
        met: published nodes that share them.

    Returns:
        (id, key) of those: which nodes are to show them is known once the nodes' entities are.
    """
    there = met.shared.unique(["key", "other"])
    size = pl.concat([there.select("key"), keys.select("key")]).group_by("key").len("size")
    crowded = keys.join(size.filter(pl.col("size") > SHOWN), on="key", how="semi")
    _put(channel, relation, keys.join(crowded, on=["id", "key"], how="anti"))
    return crowded


def show_crowded_keys(channel: Channel, relation: Relation, crowded: pl.DataFrame, met: Met, readers: pl.DataFrame) -> None:
    """Put keys that many show into the key table, for nodes whose entity does not show them often enough.

    Args:
        channel: of the chunk's transaction, in which memberships have been written.
        relation: whose key table.
        crowded: as `show_keys` gives them.
        met: published nodes that share them.
        readers: as `readers_of` gives them, of the chunk's nodes.
    """
    if crowded.is_empty():
        return
    # Of all nodes, those too that stay where they were: without an entity they would share one's places.
    placed = crowded.join(entities_of(channel, relation, crowded["id"]), on="id", how="left")
    there = met.shared.join(crowded.select("key").unique(), on="key", how="semi").unique(["key", "other"]).select("key", "other")
    entities = entities_of(channel, relation, there["other"])
    theirs = there.join(entities, left_on="other", right_on="id").join(placed, on=["key", "entity"], how="semi")
    # Closed mentions take no place of those that others may read: a match would find nobody where they came first.
    by = ["key", "entity", "readers"]
    counts = (
        theirs.join(readers_of(channel, relation, theirs["other"]), left_on="other", right_on="id")
        .group_by(by)
        .agg(pl.len().alias("shown"))
    )
    ours = (
        placed.join(readers, on="id", how="left")
        .sort("id")
        .with_columns(place=pl.int_range(pl.len()).over(by))
        .join(counts, on=by, how="left")
        .filter(pl.col("place") + pl.col("shown").fill_null(0) < SHOWN)
    )
    _put(channel, relation, ours)


def list_keys(channel: Channel, relation: Relation, keys: pl.DataFrame) -> None:
    """Write down which keys the chunk's nodes (id, key) may show, so that they can be taken out again."""
    lists = keys.group_by("id", maintain_order=True).agg(keys="key")
    channel.copy(relation.key_lists, lists.rename({"id": relation.node}), puts_off=True)


def _put(channel: Channel, relation: Relation, keys: pl.DataFrame) -> None:
    channel.copy_numbers(relation.keys, keys.sort("key").select("key", pl.col("id").alias(relation.node)))


def hide_keys(channel: Channel, relation: Relation, ids: pl.Series) -> None:
    """Take the keys of nodes out of the key table."""
    if len(ids):
        channel.run(_HIDE.format(node=relation.node, keys=relation.keys, key_lists=relation.key_lists), puts_off=True, ids=ids)
