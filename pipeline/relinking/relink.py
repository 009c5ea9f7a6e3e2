"""RELINK: everything linked anew beside the live result, compared with it, and brought in only when asked.

Enters the whole store as one snapshot shows it, without a lock; leaves, per relation, each node's live entity beside its new
cluster. Persons and organisations come first, cases second, by the parties' new clusters. `swap` gives what differs to
RESOLVE, which looks at it again chunk by chunk under the models in force: ids stay, and links, history and the change feed
are as after any other chunk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import polars as pl
from sqlalchemy import Connection, Engine, text

from hub.database import retried, store_errors
from hub.settings import Settings
from matching import engines
from matching.clustering import VERDICT, cluster
from matching.engines.job import Job
from matching.forms import CONSTRAINTS
from matching.linkage import DECISIVE
from pipeline.relinking.difference import Difference, difference
from pipeline.resolving.candidates import key_numbers
from pipeline.resolving.intake import PARTY_CHANGED, RELINK, VALUES
from pipeline.resolving.links import ENGINE, FINGERPRINT, names_of
from pipeline.resolving.models import bring_in_rules, has_former_rules, load_model
from pipeline.resolving.promises import unique_departments
from pipeline.resolving.relations import (
    CASE,
    ORGANISATION,
    PERSON,
    RELATIONS,
    STAND_IN,
    Relation,
    all_cases,
    all_parties,
    as_input,
    with_parties,
)
from pipeline.resolving.resolve import ResolveReport, resolve
from pipeline.store.copying import read_frame

#: Ids of nodes that are read, and whose forms are made, at a time.
PART = 100_000
#: Told what begins: `reading`, or the name of a relation.
Show = Callable[[str], None]

_LIVE = "SELECT {node} AS id, {entity}::text AS entity, {stand_in} AS number FROM {members} WHERE known_to IS NULL"
_KEPT = "SELECT {entity}::text AS entity, identifier_hash AS kept FROM {table} WHERE known_to IS NULL AND identifier_hash IS NOT NULL"
_LISTED = "SELECT {node} AS id, (SELECT bit_xor(key) FROM unnest(keys) AS t (key)) AS listed FROM {key_lists}"
_VERDICTS = """
SELECT DISTINCT ON (left_id, right_id) left_id AS left, right_id AS right, verdict FROM ops.decision
WHERE relation = '{name}' AND verdict <> 'unsure' ORDER BY left_id, right_id, decision_id DESC
"""
_OLDER_LINKS = """
SELECT count(*) FROM store.link
WHERE relation = :relation AND known_to IS NULL AND decided_by = :engine AND model_version <> :version
"""
_WAITING = """
INSERT INTO ops.pending (record_id, reason, reported_epoch_s)
SELECT t.id, :reason, coalesce(extract(epoch FROM r.reported_at), 0)
FROM unnest(CAST(:ids AS bigint[])) AS t (id) CROSS JOIN LATERAL (
    SELECT reported_at FROM store.source_record WHERE record_id = t.id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0
) r ORDER BY t.id
ON CONFLICT (record_id) DO UPDATE SET reason = {reason}
"""
_PUT = _WAITING.format(reason="excluded.reason")
# What waits for another reason shows its entities anew by that, but for whose parties came to be others: there the case alone is looked at.
_PUT_VALUES = _WAITING.format(reason=f"CASE pending.reason WHEN '{PARTY_CHANGED}' THEN '{RELINK}' ELSE pending.reason END")


@dataclass(frozen=True)
class Relinked:
    """One relation linked anew.

    Args:
        relation: which.
        difference: of its nodes: id, record_id, department, source_record_id, ordinal (null of a record), entity, cluster.
        misplaced: nodes whose blocking keys in the store are not those that the model in force gives.
        misnumbered: nodes of entities that the store knows by another verified number than the one that they state.
        revalued: records, one of each entity of several members, if their values were ranked by other survivorship rules.
        older_links: live links of the engine's that another version of the model decided.
        seconds: that it took.
    """

    relation: Relation
    difference: Difference
    misplaced: pl.Series
    misnumbered: pl.Series
    revalued: pl.Series
    older_links: int
    seconds: float

    @property
    def records(self) -> pl.Series:
        """Records that must be looked at again for the live result to become this one."""
        nodes = self.difference.nodes
        wanted = (pl.col("change") != "same") | pl.col("id").is_in(pl.concat([self.misplaced, self.misnumbered]).implode())
        return nodes.filter(wanted)["record_id"].unique().sort()


def relink(store: Engine, settings: Settings, engine: str = "local", show: Show | None = None) -> list[Relinked]:
    """Link everything anew and compare it with what lives; the store is only read.

    Args:
        store: the store.
        settings: where files may be put meanwhile.
        engine: local or spark; both give the same clusters.
        show: told of each step.

    Raises:
        RequestError: there is no such engine.
        EngineError: what the engine needs is not installed, or it broke off.
        StoreUnavailable: the database cannot be reached.
    """
    show = show or (lambda step: None)
    settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="relink-", dir=settings.home, ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        with engines.opened(engine, folder) as linking, store_errors():
            show("reading")
            with _snapshot(store) as connection:
                seen = _Seen(connection, folder)
            found = []
            for relation in RELATIONS:
                show(relation.name)
                found.append(seen.link(relation, linking))
            return found


def swap(store: Engine, settings: Settings, found: Sequence[Relinked]) -> ResolveReport:
    """Have RESOLVE look again at all that differs and at nodes whose blocking keys are another model's, and show anew what others ranked.

    What has come in since `relink` is taken along as it is now.

    Raises:
        StoreUnavailable: the database went away; what was committed stays, the rest waits.
    """
    records = pl.concat([one.records for one in found]).unique().sort()
    values = pl.concat([one.revalued for one in found]).unique().sort()
    if len(records) or len(values):
        retried(_put, store, records, values)
    return resolve(store, settings)


def _put(store: Engine, records: pl.Series, values: pl.Series) -> None:
    with store.begin() as connection:
        for sql, ids, reason in ((_PUT_VALUES, values, VALUES), (_PUT, records, RELINK)):
            if len(ids):
                connection.execute(text(sql), {"ids": "{" + ",".join(map(str, ids.to_list())) + "}", "reason": reason})
        if len(values):
            bring_in_rules(connection)


def table_of(found: Sequence[Relinked]) -> pl.DataFrame:
    """Every node with its live entity and its new cluster, whose name is its least node's id."""
    columns = ("id", "department", "source_record_id", "ordinal", "entity", "cluster", "change", "moves")
    return pl.concat(
        one.difference.nodes.select(pl.lit(one.relation.name).alias("relation"), *columns).sort("department", "source_record_id", "ordinal")
        for one in found
    )


@contextmanager
def _snapshot(store: Engine) -> Iterator[Connection]:
    """A connection that sees the store as it is at this moment, whatever others do meanwhile."""
    with store.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        yield connection


class _Seen:
    """The store as one snapshot showed it: inputs in files, the rest in memory."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        unique_within = unique_departments(connection)
        self._jobs = {
            relation: Job(load_model(relation.name), folder / relation.name, unique_within if relation is CASE else frozenset())
            for relation in RELATIONS
        }
        self._raw = folder / "records"
        self._raw.mkdir()
        self._named = pl.DataFrame()  # id, record_id, role, kind of all parties
        self._number: dict[Relation, pl.DataFrame] = {}  # id, number: of each party's new cluster
        self._live = {relation: read_frame(connection, _of(_LIVE, relation)) for relation in RELATIONS}
        self._kept = {relation: read_frame(connection, _of(_KEPT, relation)) for relation in RELATIONS}
        self._listed = {relation: read_frame(connection, _of(_LISTED, relation)) for relation in RELATIONS}
        self._verdicts = {relation: read_frame(connection, _of(_VERDICTS, relation)) for relation in RELATIONS}
        self._older = {relation: self._older_links(connection, relation) for relation in RELATIONS}
        self._has_former_rules = has_former_rules(connection)
        self._nodes = self._read_parties(connection) | {CASE: self._read_cases(connection)}

    def link(self, relation: Relation, linking: engines.Engine) -> Relinked:
        """Link one relation; cases last."""
        start = perf_counter()
        nodes, two = self._nodes[relation], self._verdicts[relation].filter(pl.col("verdict") == "no")
        job = replace(self._jobs[relation], alone=frozenset([*two["left"], *two["right"]]))
        if relation is CASE:
            self._add_cases()
        edges = linking.edges(job) if nodes.height else DECISIVE.empty_table()
        alike = [FINGERPRINT] if nodes.height and job.has_fingerprints else []
        constraints = pl.DataFrame(job.forms([*CONSTRAINTS, *alike])) if nodes.height else _NO_CONSTRAINTS
        named = nodes.join(constraints, on="id")
        known = named.select(*CONSTRAINTS, names_of(named))
        verdicts = self._verdicts[relation].to_arrow().cast(VERDICT)
        clusters = pl.DataFrame(cluster(known.to_arrow(), edges, None, verdicts))
        placed = nodes.join(self._live[relation], on="id").join(clusters, on="id")
        found = difference(placed)
        self._number[relation] = _numbers(found)
        columns = [pl.lit(None, pl.Int32).alias("ordinal")] if relation is CASE else []
        told = Difference(found.nodes.drop("number").with_columns(columns))
        misnumbered = _misnumbered(placed.join(constraints, on="id"), self._kept[relation])
        several = placed.filter(pl.col("id").len().over("entity") > 1) if self._has_former_rules else placed.clear()
        revalued = several.unique("entity", keep="first", maintain_order=True)["record_id"]
        misplaced, older = self._misplaced(relation), self._older[relation]
        return Relinked(relation, told, misplaced, misnumbered, revalued, older, perf_counter() - start)

    def _read_parties(self, connection: Connection) -> dict[Relation, pl.DataFrame]:
        nodes: dict[Relation, list[pl.DataFrame]] = {PERSON: [], ORGANISATION: []}
        named = [pl.DataFrame(schema={"id": pl.Int64, "record_id": pl.Int64, "role": pl.String, "kind": pl.String})]
        for rows in all_parties(connection, PART):
            named.append(rows.select(named[0].columns))
            for relation, parts in nodes.items():
                of_kind = rows.filter(pl.col("kind") == relation.name)
                if of_kind.height:
                    self._jobs[relation].add(as_input(relation, of_kind))
                parts.append(of_kind.select(_PARTY_NODE.keys()))
        self._named = pl.concat(named)
        return {relation: pl.concat([pl.DataFrame(schema=_PARTY_NODE), *parts]) for relation, parts in nodes.items()}

    def _read_cases(self, connection: Connection) -> pl.DataFrame:
        nodes = [pl.DataFrame(schema=_RECORD_NODE)]
        for number, rows in enumerate(all_cases(connection, PART)):
            rows.write_ipc(self._raw / f"{number:06}.arrow")
            nodes.append(rows.select("id", pl.col("id").alias("record_id"), "department", "source_record_id"))
        return pl.concat(nodes)

    def _add_cases(self) -> None:
        """Give records the new clusters of their parties, and have them as the input of cases."""
        numbers = pl.concat([self._number[relation] for relation in (PERSON, ORGANISATION)])
        parties = self._named.join(numbers, on="id").select("role", "kind", id="record_id", entity="number")
        for path in sorted(self._raw.iterdir()):
            rows = pl.read_ipc(path)
            self._jobs[CASE].add(as_input(CASE, with_parties(rows, parties.join(rows.select("id"), on="id", how="semi"))))
            path.unlink()

    def _misplaced(self, relation: Relation) -> pl.Series:
        """Nodes that are listed under other blocking keys than theirs; those that another stands for are listed under none."""
        job = self._jobs[relation]
        keys = (pl.DataFrame(job.keys(part)) for part in job.parts())
        folded = [one.select("id", key_numbers(one["key"]).alias("key")).group_by("id").agg(pl.col("key").bitwise_xor()) for one in keys]
        now = pl.concat([pl.DataFrame(schema={"id": pl.Int64, "key": pl.Int64}), *folded])
        listed = self._listed[relation].join(self._nodes[relation].select("id"), on="id", how="semi")
        return listed.join(now, on="id", how="left").filter(pl.col("listed").ne_missing(pl.col("key")))["id"]

    @staticmethod
    def _older_links(connection: Connection, relation: Relation) -> int:
        values = {"relation": relation.name, "engine": ENGINE, "version": load_model(relation.name).version}
        return int(connection.execute(text(_OLDER_LINKS), values).scalar_one())


_RECORD_NODE = {"id": pl.Int64, "record_id": pl.Int64, "department": pl.String, "source_record_id": pl.String}
_PARTY_NODE = _RECORD_NODE | {"ordinal": pl.Int32}
_NO_CONSTRAINTS = pl.DataFrame(schema={"id": pl.Int64, "identifier": pl.String, "apart": pl.String})


def _of(sql: str, relation: Relation) -> str:
    return sql.format(
        name=relation.name,
        node=relation.node,
        entity=relation.entity,
        table=relation.table,
        members=relation.members,
        key_lists=relation.key_lists,
        stand_in=STAND_IN.format(column=relation.entity),
    )


def _misnumbered(nodes: pl.DataFrame, kept: pl.DataFrame) -> pl.Series:
    """Nodes (id, entity, identifier) of entities whose number in the store (entity, kept) is not the one that a member states."""
    numbered = nodes.drop_nulls("identifier")
    stated = numbered.with_columns(stated=key_numbers(numbered["identifier"])).select("entity", "stated").unique("entity")
    other = kept.join(stated, on="entity", how="full", coalesce=True).filter(pl.col("kept").ne_missing(pl.col("stated")))
    return nodes.join(other, on="entity", how="semi")["id"]


def _numbers(found: Difference) -> pl.DataFrame:
    """(id, number) of parties: what cases know their cluster by.

    Where most of a cluster is of one entity, and most of that entity in it, that is the number that resolve has for the entity: so
    that blocking keys come out as they stand in the store. Else it is the cluster's own.
    """
    stays = found.nodes.filter(~pl.col("moves")).unique("cluster").select("cluster", "number")
    of_cluster = found.nodes.select("id", "cluster").join(stays, on="cluster", how="left")
    return of_cluster.select("id", number=pl.coalesce("number", "cluster"))
