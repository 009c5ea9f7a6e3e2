"""PUBLISH: what clustering settled becomes what the store shows, inside resolve's transaction.

Enter the fates of one relation's entities, memberships written; leave golden values, the entities' own rows and numbered
changes. Only differences are written: what is as it was is not touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipeline.resolving.clusters import Assignment
from pipeline.resolving.entity_ids import Fates
from pipeline.resolving.golden import Values, read_golden, read_statements, values_of, write_golden
from pipeline.resolving.links import Task
from pipeline.resolving.members import entities_of, nodes_of
from pipeline.resolving.relations import CASE, RELATIONS, plain, read_rows
from pipeline.store.channel import Channel

_SHOWN = ("title", "category", "status", "grade", "street", "community")
_COLUMNS = {
    "person": ("departments", "mentions"),
    "organisation": ("departments", "mentions"),
    "case": (*_SHOWN, "reported_at", "departments", "records", "has_sealed"),
}
_ENTITIES = """
SELECT {entity}::text AS entity, founder_id, known_from, known_to, identifier_hash, {columns}
FROM {table} WHERE {entity} = ANY (%(entities)s::uuid[])
"""
_STAGING = "CREATE TEMP TABLE IF NOT EXISTS new_{name} (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
_UPDATE = "UPDATE {table} e SET {assignments} FROM new_{name} n WHERE e.{entity} = n.{entity}"
_CLOSE = """
UPDATE {table} e SET known_to = %(change)s, changed = t.number
FROM unnest(%(entities)s::uuid[], %(numbers)s::bigint[]) AS t (entity, number) WHERE e.{entity} = t.entity
"""
# Cases with closed records, as their departments are shown them: those that have one now, and those that had.
_OWN_CASES = """
SELECT store.publish_own_cases(ARRAY(
    SELECT unnest(%(closed)s::uuid[]) UNION SELECT case_id FROM store.own_case WHERE case_id = ANY (%(entities)s::uuid[])
))
"""


def prepare(channel: Channel) -> None:
    """Make the session's temporary tables, where it has none yet."""
    for relation in RELATIONS:
        channel.run(_STAGING.format(name=relation.name, table=relation.table))


@dataclass(frozen=True)
class Numbers:
    """Where a relation's changes stand in the order of all: their epoch and the first number that is free."""

    epoch: int
    first: int


def publish(task: Task, assignment: Assignment, fates: Fates, nodes: pl.DataFrame, touched: pl.DataFrame, numbers: Numbers) -> int:
    """Bring golden values and entities up to date, and say in store.change what changed.

    Args:
        task: the chunk's relation; memberships must have been written.
        assignment: where nodes belong.
        fates: what becomes of entities.
        nodes: rows of the chunk's nodes.
        touched: (id, is_news) of nodes that were there before and may show something else now; those with news do to somebody,
            even where the entity's values and columns stay.
        numbers: of the changes.

    Returns:
        How many change numbers were taken.
    """
    publishing = _Publishing(task, assignment, fates)
    publishing.gather(nodes, touched)
    values = values_of(task.relation, publishing.rows, publishing.statements, fates.created["entity"])
    differing = write_golden(task.channel, task.change, values, publishing.golden)
    return publishing.write(values, differing, numbers)


class _Publishing:
    """The entities that a chunk touches, and the members' rows that they are made of."""

    def __init__(self, task: Task, assignment: Assignment, fates: Fates) -> None:
        self._task, self._assignment, self._fates = task, assignment, fates
        self._closed = pl.Series([*fates.merged, *fates.emptied], dtype=pl.String)
        self.rows = pl.DataFrame()  # as `read_rows` gives them, with `entity`
        self.golden = pl.DataFrame()  # what they show until now
        self.statements = pl.DataFrame()  # of entities that only grow, in the place of their members' rows
        self._before = pl.DataFrame()
        self._news = pl.Series(dtype=pl.String)  # entities with a member that says something else
        self._grown = pl.Series(dtype=pl.String)  # entities that only grow: `rows` has their new members alone

    def gather(self, nodes: pl.DataFrame, touched: pl.DataFrame) -> None:
        """Find the rows of all members, or, of entities that only grow, what they show and the rows of those who come."""
        task, fates = self._task, self._fates
        into = fates.moves["entity"]
        standing_in = entities_of(task.channel, task.relation, touched["id"])
        at = standing_in["entity"]
        self._news = standing_in.join(touched.filter("is_news"), on="id", how="semi")["entity"]
        whole = pl.concat(
            [at, fates.moves["former"].drop_nulls(), self._assignment.entities["entity"], pl.Series(fates.reopened, dtype=pl.String)]
        )
        old = pl.concat([into, whole]).unique()
        standing = old.filter(~old.is_in(fates.created["entity"].implode()))
        open_ones = standing.filter(~standing.is_in(self._closed.implode()))
        self.golden = read_golden(task.channel, standing)
        self._before = self._read_entities(open_ones)
        self._grown = open_ones.filter(~open_ones.is_in(whole.implode()))
        self.statements = read_statements(task.channel, task.relation, self.golden.filter(pl.col("entity").is_in(self._grown.implode())))
        loaded = pl.concat([plain(nodes), plain(self._assignment.loaded)])
        arrived_in = pl.concat([fates.created["entity"], self._grown])
        arrived = loaded.join(fates.moves.select("id", "entity").filter(pl.col("entity").is_in(arrived_in.implode())), on="id")
        self.rows = arrived
        rebuilt = open_ones.filter(open_ones.is_in(whole.implode()))
        if len(rebuilt):
            self.rows = pl.concat([arrived, self._members(rebuilt, loaded).select(arrived.columns)])

    def _read_entities(self, entities: pl.Series) -> pl.DataFrame:
        relation = self._task.relation
        columns = ", ".join(_COLUMNS[relation.name])
        return self._task.channel.read(_ENTITIES.format(entity=relation.entity, columns=columns, table=relation.table), entities=entities)

    def _members(self, entities: pl.Series, loaded: pl.DataFrame) -> pl.DataFrame:
        members = nodes_of(self._task.channel, self._task.relation, entities)
        unread = members.filter(~pl.col("id").is_in(loaded["id"].implode()))["id"]
        rows = pl.concat([loaded, plain(read_rows(self._task.channel, self._task.relation, unread))])
        return rows.join(members, on="id")

    def write(self, values: Values, differing: pl.Series, numbers: Numbers) -> int:
        """Write the entities' own rows and the changes; how many numbers that took."""
        fates, task = self._fates, self._task
        now = self._now(values)
        compared = [*_COLUMNS[task.relation.name], "identifier_hash"]
        same = now.join(self._before, on=["entity", *compared], how="semi", nulls_equal=True)["entity"]
        moves = [fates.moves["entity"], fates.moves["former"].drop_nulls(), self._assignment.entities["entity"]]
        moved = pl.concat([*moves, differing, self._news])
        is_new = pl.col("entity").is_in(pl.concat([fates.created["entity"], pl.Series(fates.reopened, dtype=pl.String)]).implode())
        changed = now.filter(~pl.col("entity").is_in(same.implode()) | pl.col("entity").is_in(moved.implode()) | is_new)
        kind = (
            pl.when(is_new)
            .then(pl.lit("created"))
            .when(pl.col("entity").is_in(fates.split))
            .then(pl.lit("split"))
            .otherwise(pl.lit("updated"))
        )
        kinds = [
            changed.select("entity", kind=kind),
            pl.DataFrame({"entity": list(fates.merged)}, {"entity": pl.String}).with_columns(kind=pl.lit("merged")),
            pl.DataFrame({"entity": fates.emptied}, {"entity": pl.String}).with_columns(kind=pl.lit("deleted")),
        ]
        changes = pl.concat(kinds).sort("entity").with_columns(number=pl.int_range(pl.len(), dtype=pl.Int64) + numbers.first)
        self._write_rows(changed.join(changes, on="entity"))
        self._write_closed(changes.filter(pl.col("kind").is_in(["merged", "deleted"])))
        rows = changes.select(
            pl.lit(numbers.epoch).alias("epoch"),
            change_number="number",
            relation=pl.lit(task.relation.name),
            entity_id="entity",
            kind="kind",
        )
        task.channel.copy("store.change", rows, puts_off=True)
        if task.relation is CASE:
            closed = self.rows.filter(pl.col("visibility") != "shared")["entity"].unique()
            looked_at = pl.concat([now["entity"], self._closed]).unique()
            task.channel.run(_OWN_CASES, puts_off=True, closed=closed, entities=looked_at)
        return changes.height

    def _now(self, values: Values) -> pl.DataFrame:
        """The entities' own rows as they should be, with `entity`, `founder_id` and `known_from`."""
        relation, change = self._task.relation, self._task.change
        seen = pl.col("visibility") != "sealed"  # of these nobody else is told, not even that there are any
        department = pl.col("department").filter(seen).unique().sort().alias("departments")
        count = seen.sum().cast(pl.Int32).alias(relation.size)
        by_entity = self.rows.group_by("entity").agg(
            department,
            count,
            (~seen).any().alias("has_sealed"),
            pl.col("reported_at").filter(pl.col("visibility") == "shared").min(),
        )
        by_entity = self._grown_whole(by_entity).join(self._identified(), on="entity", how="left")
        if relation is CASE:
            by_entity = by_entity.join(values.shown(_SHOWN), on="entity", how="left")
        created = self._fates.created.with_columns(known_from=pl.lit(change, pl.Int64))
        founders = pl.concat([created, self._before.select("entity", "founder_id", "known_from")])
        return by_entity.join(founders, on="entity").select(
            "entity", "founder_id", "known_from", *_COLUMNS[relation.name], "identifier_hash"
        )

    def _grown_whole(self, by_entity: pl.DataFrame) -> pl.DataFrame:
        """Rows of entities that only grow: what they had, and what came."""
        size = self._task.relation.size
        had = self._before.filter(pl.col("entity").is_in(self._grown.implode())).select("entity", *_COLUMNS[self._task.relation.name])
        both = by_entity.join(had, on="entity", how="left", suffix="_had")
        columns = [
            pl.concat_list("departments", pl.col("departments_had").fill_null([])).list.unique().list.sort().alias("departments"),
            (pl.col(size) + pl.col(f"{size}_had").fill_null(0)).cast(pl.Int32).alias(size),
        ]
        if self._task.relation is CASE:
            columns.append(pl.col("has_sealed") | pl.col("has_sealed_had").fill_null(False))
            columns.append(pl.min_horizontal("reported_at", "reported_at_had").alias("reported_at"))
        return both.with_columns(columns).select(by_entity.columns)

    def _identified(self) -> pl.DataFrame:
        """(entity, identifier_hash) of all entities: as clustered anew, or as they were, with a number that comes to a member."""
        moves = self._fates.moves.select("id", now="entity")
        walked = self._assignment.walked.join(moves, on="id", how="left").with_columns(entity=pl.coalesce("now", "entity"))
        anew = walked.unique("entity").select("entity", "identifier_hash")
        stated = self._assignment.stated.select("entity", new="identifier_hash")
        kept = self._before.join(anew, on="entity", how="anti").join(stated, on="entity", how="left")
        return pl.concat([anew, kept.select("entity", pl.coalesce("identifier_hash", "new"))])

    def _write_rows(self, rows: pl.DataFrame) -> None:
        relation, channel = self._task.relation, self._task.channel
        named = rows.rename({"entity": relation.entity, "number": "changed"}).drop("kind")
        is_created = pl.col(relation.entity).is_in(self._fates.created["entity"].implode())
        channel.copy(relation.table, named.filter(is_created), puts_off=True)
        kept = named.filter(~is_created)
        if kept.height:
            channel.copy(f"new_{relation.name}", kept, puts_off=True)
            columns = [*_COLUMNS[relation.name], "identifier_hash", "changed"]
            assignments = ", ".join(f"{column} = n.{column}" for column in columns)
            sql = _UPDATE.format(
                table=relation.table, name=relation.name, entity=relation.entity, assignments=f"known_to = NULL, {assignments}"
            )
            channel.run(sql, puts_off=True)

    def _write_closed(self, closed: pl.DataFrame) -> None:
        relation, channel = self._task.relation, self._task.channel
        if closed.height:
            sql = _CLOSE.format(table=relation.table, entity=relation.entity)
            channel.run(sql, puts_off=True, change=self._task.change, entities=closed["entity"], numbers=closed["number"])
