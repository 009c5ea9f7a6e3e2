"""A whole store linked and published at once: persons and organisations, then cases.

Enter published records and parties in a store without indexes; leave links, blocking keys, entities with their members and
golden values, and changes. Pairs and clusters are those of `casehub relink`, which tells how few nodes resolve would have put
elsewhere; all else is written by the functions that write it for a chunk of resolve. Of large entities the store has more links
than resolve would have found, for it compares a record with no more of one entity than it must.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa
from sqlalchemy import Connection

from matching.blocking import blocking_keys, pairs_within
from matching.clustering import TORN, clusters_and_torn
from matching.engines.job import Job
from matching.linkage import DECISIVE, edges_of
from pipeline.resolving.candidates import Met, key_numbers, list_keys, readers_of, show_crowded_keys, show_keys
from pipeline.resolving.chunk import PLAN
from pipeline.resolving.clusters import Assignment
from pipeline.resolving.comparing import _Comparing
from pipeline.resolving.entity_ids import Fates, settle
from pipeline.resolving.links import ENGINE, LABELS, LINK_SCHEMA, NO_EDGES, Evaluation, Task, labels_of
from pipeline.resolving.memberships import write_memberships
from pipeline.resolving.models import load_model
from pipeline.resolving.promises import unique_departments
from pipeline.resolving.publish import Numbers, prepare, publish
from pipeline.resolving.relations import (
    CASE,
    ORGANISATION,
    PERSON,
    STAND_IN,
    Relation,
    all_cases,
    all_parties,
    as_input,
    plain,
    with_parties,
)
from pipeline.resolving.reviews import update_reviews
from pipeline.store.channel import Channel
from pipeline.store.copying import copy_in, cursor_of, read_frame
from schema.records import PAIR

PART = 100_000  # nodes at a time
_KEY_PARTS = 16  # keys are written so many parts at a time: keys of one part are in no other
_EPOCH = "SELECT max(epoch) FROM ops.change_counter"
_NUMBERS = "SELECT {node} AS id, {stand_in} AS number FROM {members} WHERE known_to IS NULL"
_NONE = pl.Series(dtype=pl.Int64)
_NO_NODES = pl.DataFrame(schema={"id": pl.Int64, "is_news": pl.Boolean})
_NOBODY = Met(pl.DataFrame(schema={"key": pl.Int64, "id": pl.Int64, "other": pl.Int64}))
_NAMED = {"id": pl.Int64, "record_id": pl.Int64, "role": pl.String, "kind": pl.String}
_WALKED = {"id": pl.Int64, "entity": pl.String, "former": pl.String}


@dataclass
class Linked:
    """What was published.

    Args:
        last_change: the last change number taken.
        entities: by relation, (id, entity) of all nodes.
        reviews: by relation, pairs that are left to a person, as links.
        torn: by relation, links that were passed over, as TORN.
        links: how many links were written, by relation.
    """

    change: int
    last_change: int
    unique_within: frozenset[str]
    entities: dict[Relation, pl.DataFrame] = field(default_factory=dict)
    reviews: dict[Relation, pl.DataFrame] = field(default_factory=dict)
    torn: dict[Relation, pl.DataFrame] = field(default_factory=dict)
    links: dict[str, int] = field(default_factory=dict)

    def open_reviews(self, connection: Connection) -> int:
        """Open the tasks of pairs that are left to a person, once the store has its indexes again; how many."""
        opened = 0
        for relation, pairs in self.reviews.items():
            for part in [*pairs.iter_slices(PART)] or [pairs]:
                with Channel(connection) as channel:
                    channel.run(PLAN)
                    torn = self.torn.pop(relation, pl.DataFrame(TORN.empty_table()))  # with the first part
                    task, fates = self.task(channel, relation, _NONE), _fates(pl.DataFrame(schema=_WALKED))
                    opened += update_reviews(task, _evaluation(part), fates, _NONE, torn)
                connection.commit()
        return opened

    def task(self, channel: Channel, relation: Relation, new: pl.Series) -> Task:
        """Nodes as a chunk of resolve has them, all of them new."""
        unique_within = self.unique_within if relation is CASE else frozenset()
        return Task(channel, relation, self.change, new, _NONE, _NONE, has_decisions=False, unique_within=unique_within)


def link_whole(connection: Connection, folder: Path, change: int, tell: Callable[[str], None]) -> Linked:
    """Link and publish all that is in the store.

    Args:
        connection: of a store whose records and parties are published and that has nothing else; transactions are committed.
        folder: where files may be put.
        change: from which all is known.
        tell: told of each step when it is done.
    """
    linked = Linked(change, change - 1, unique_departments(connection))
    epoch = int(connection.exec_driver_sql(_EPOCH).scalar_one())
    named = [pl.DataFrame(schema=_NAMED)]
    parties = {relation: _Whole(connection, folder, relation, linked, epoch) for relation in (PERSON, ORGANISATION)}
    for rows in all_parties(connection, PART):
        named.append(rows.select(list(_NAMED)))
        for relation, whole in parties.items():
            whole.add(rows.filter(pl.col("kind") == relation.name).drop("kind"))
    tell("parties read")
    for whole in parties.values():
        whole.link(tell)
    cases = _Whole(connection, folder, CASE, linked, epoch)
    resolved = pl.concat(named).join(_numbers(connection), on="id", how="left").select("role", "kind", id="record_id", entity="number")
    del named
    for rows in all_cases(connection, PART):
        cases.add(with_parties(rows, resolved.join(rows.select("id"), on="id", how="semi")))
    del resolved
    tell("records read")
    cases.link(tell)
    return linked


def _numbers(connection: Connection) -> pl.DataFrame:
    """(id, number) of all parties: what cases know the entity by that each resolves to."""
    relations = (PERSON, ORGANISATION)
    columns = [{"node": one.node, "stand_in": STAND_IN.format(column=one.entity), "members": one.members} for one in relations]
    return pl.concat([read_frame(connection, _NUMBERS.format(**names)) for names in columns])


class _Whole:
    """One relation: its nodes' rows and forms in files."""

    def __init__(self, connection: Connection, folder: Path, relation: Relation, linked: Linked, epoch: int) -> None:
        self._connection, self._relation, self._linked, self._epoch = connection, relation, linked, epoch
        self._model = load_model(relation.name)
        self._job = Job(self._model, folder / relation.name, linked.unique_within if relation is CASE else frozenset())
        self._rows = folder / relation.name / "rows"
        self._rows.mkdir(parents=True)

    def add(self, rows: pl.DataFrame) -> None:
        """Add nodes, as `read_nodes` gives them."""
        if rows.height:
            self._job.add(as_input(self._relation, rows))
            plain(rows).write_ipc(self._rows / self._job.parts()[-1])

    def link(self, tell: Callable[[str], None]) -> None:
        """Links, entities, keys."""
        parts, name = self._job.parts(), self._relation.name
        if not parts:
            return
        for part in parts:
            self._job.make_forms(part)
        tell(f"{name}: forms")
        forms = self._job.forms()
        like = self._represented(forms)
        edges = self._compare(forms, like)
        tell(f"{name}: {self._linked.links[name]:,} links of {forms.num_rows:,} nodes")
        del forms
        labels = pl.concat([labels_of(pl.read_ipc(self._rows / part), self._job.forms_of(part)) for part in parts])
        found = clusters_and_torn(labels.select("id", "identifier", "apart", "key").to_arrow(), edges)
        clusters, self._linked.torn[self._relation] = map(pl.DataFrame, found)
        del edges
        entity_of = self._publish(clusters.join(labels.select("id", "identifier_hash"), on="id"))
        self._linked.entities[self._relation] = entity_of
        tell(f"{name}: {entity_of['entity'].n_unique():,} published")
        self._show_keys(like["right"])
        tell(f"{name}: keys")

    def _represented(self, forms: pa.Table) -> pl.DataFrame:
        """(left, right): nodes on the right are compared through the one on their left, and show no keys."""
        none = pl.DataFrame(schema={"left": pl.Int64, "right": pl.Int64})
        if "fingerprint" not in forms.column_names:
            return none
        with Channel(self._connection) as channel:
            ids = pl.Series(forms["id"])
            task = self._linked.task(channel, self._relation, ids)
            like = _Comparing(task, pl.DataFrame())._represented(forms, readers_of(channel, self._relation, ids))
        self._connection.commit()
        apart = pl.DataFrame(forms.select(["id", "apart"]))
        sides = like.join(apart, left_on="left", right_on="id", how="left").join(
            apart, left_on="right", right_on="id", how="left", suffix="_right"
        )
        # Those that may not be one with their like are compared like any other.
        return sides.filter((pl.col("apart") != pl.col("apart_right")).fill_null(value=True)).select("left", "right")

    def _compare(self, forms: pa.Table, like: pl.DataFrame) -> pa.Table:
        """Write the links; DECISIVE of all pairs."""
        alone = forms.filter(pa.array(~pl.Series(forms["id"]).is_in(like["right"].implode())))
        ordered = like.select(left=pl.min_horizontal("left", "right"), right=pl.max_horizontal("left", "right"))
        pairs = pa.concat_tables([pairs_within(alone, self._model), ordered.to_arrow().cast(PAIR)])
        del alone
        cursor, count = cursor_of(self._connection), 0
        kept, reviews = [DECISIVE.empty_table()], [NO_EDGES]
        for batch in edges_of(self._relation.name, forms, pairs, self._model):
            edges = pl.DataFrame(batch).filter(pl.col("decision") != "no_link")
            stamped = edges.with_columns(model_version=pl.lit(self._model.version), decided_by=pl.lit(ENGINE)).select(list(LINK_SCHEMA))
            rows = stamped.rename({"left": "left_id", "right": "right_id"})
            rows = rows.with_columns(relation=pl.lit(self._relation.name), known_from=pl.lit(self._linked.change))
            count += copy_in(cursor, "store.link", rows)
            kept.append(edges.filter(pl.col("decision") != "review").select(DECISIVE.names).to_arrow().cast(DECISIVE))
            reviews.append(stamped.filter(pl.col("decision") == "review"))
        self._connection.commit()
        self._linked.links[self._relation.name] = count
        self._linked.reviews[self._relation] = pl.concat(reviews)
        return pa.concat_tables(kept)

    def _publish(self, clusters: pl.DataFrame) -> pl.DataFrame:
        """Entities with all that they show, some clusters after the other; (id, entity) of all nodes."""
        rows = pl.scan_ipc(self._rows / "*.arrow")
        bins = 1 + clusters.height // PART
        entity_of = []
        for place in range(bins):
            walked = clusters.filter(pl.col("cluster") % bins == place)
            nodes = rows.filter(pl.col("id").is_in(walked["id"].implode())).collect()
            with Channel(self._connection) as channel:
                prepare(channel)
                task = self._linked.task(channel, self._relation, nodes["id"])
                assignment = Assignment(
                    pl.DataFrame(schema={"id": pl.Int64, "entity": pl.String}),
                    pl.DataFrame(schema={"entity": pl.String, "identifier_hash": pl.Int64}),
                    walked.select("id", "cluster", pl.lit(None, pl.String).alias("entity"), _of_cluster()),
                    pl.DataFrame(schema={"entity": pl.String, "founder_id": pl.Int64}),
                    nodes.clear(),
                    _NONE,
                    pl.DataFrame(TORN.empty_table()),
                )
                fates = settle(task, assignment, nodes)
                write_memberships(task, fates)
                numbers = Numbers(self._epoch, self._linked.last_change + 1)
                self._linked.last_change += publish(task, assignment, fates, nodes, _NO_NODES, numbers)
            self._connection.commit()
            entity_of.append(fates.moves.select("id", "entity"))
        return pl.concat(entity_of)

    def _show_keys(self, represented: pl.Series) -> None:
        """Key lists of all nodes but those that another stands for, and the key table, crowded keys by entity."""
        keys = []
        for part in self._job.parts():
            forms = self._job.forms_of(part)
            forms = forms.filter(pa.array(~pl.Series(forms["id"]).is_in(represented.implode())))
            text = pl.DataFrame(blocking_keys(self._relation.name, forms, self._model))
            numbered = text.select("id", key_numbers(text["key"]).alias("key"))
            with Channel(self._connection) as channel:
                list_keys(channel, self._relation, numbered)
            keys.append(numbered)
        all_keys = pl.concat(keys)
        for place in range(_KEY_PARTS):
            part_of = all_keys.filter(pl.col("key") % _KEY_PARTS == place)
            with Channel(self._connection) as channel:
                crowded = show_keys(channel, self._relation, part_of, _NOBODY)
                show_crowded_keys(channel, self._relation, crowded, _NOBODY, readers_of(channel, self._relation, crowded["id"]))
        self._connection.commit()


def _of_cluster() -> pl.Expr:
    return pl.col("identifier_hash").drop_nulls().first().over("cluster")


def _fates(moves: pl.DataFrame) -> Fates:
    return Fates(moves, pl.DataFrame(schema={"entity": pl.String, "founder_id": pl.Int64}))


def _evaluation(edges: pl.DataFrame) -> Evaluation:
    empty = pl.DataFrame(schema={"id": pl.Int64, "key": pl.Int64})
    lost = pl.DataFrame(schema={"left": pl.Int64, "right": pl.Int64})
    return Evaluation(pl.DataFrame(), pl.DataFrame(schema=LABELS), empty, _NOBODY, edges, NO_EDGES, lost)
