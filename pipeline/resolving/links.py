"""LINK: the edges that a chunk's nodes of one relation have, and store.link brought up to date with them.

A live link is one of decision link, review or cannot_link whose `known_to` is null; what does not link is not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import orjson
import polars as pl
import pyarrow as pa

from matching.blocking import blocking_keys
from matching.forms import case_constraints, case_forms, organisation_forms, person_constraints, person_forms
from matching.model import Model
from pipeline.resolving.candidates import Met, key_numbers
from pipeline.resolving.models import load_model
from pipeline.resolving.relations import CASE, ORGANISATION, PERSON, Relation, as_input
from pipeline.store.channel import Channel, series

ENGINE = "engine"
LINK_SCHEMA = {
    "left": pl.Int64,
    "right": pl.Int64,
    "decision": pl.String,
    "match_weight": pl.Float64,
    "levels": pl.String,
    "model_version": pl.String,
    "decided_by": pl.String,
}
LABELS = {"id": pl.Int64, "identifier": pl.String, "apart": pl.String, "key": pl.String, "identifier_hash": pl.Int64}
FIRM = {name: LINK_SCHEMA[name] for name in ("left", "right", "decision", "match_weight", "decided_by")}
PAIR_COLUMNS = ["left", "right"]
FINGERPRINT = "fingerprint"
_LIVE = """
SELECT l.left_id AS left, l.right_id AS right, l.decision, l.match_weight, l.levels::text AS levels, l.model_version, l.decided_by,
       l.known_from
FROM unnest(%(ids)s::bigint[]) AS t (id) CROSS JOIN LATERAL (
    SELECT * FROM store.link WHERE relation = '{relation}' AND left_id = t.id AND known_to IS NULL
    UNION ALL SELECT * FROM store.link WHERE relation = '{relation}' AND right_id = t.id AND known_to IS NULL
) l
"""
# Of each link only what clustering takes: levels are most of the row.
_FIRM = """
SELECT l.left_id AS left, l.right_id AS right, l.decision, l.match_weight, l.decided_by
FROM unnest(%(ids)s::bigint[]) AS t (id) CROSS JOIN LATERAL (
    SELECT * FROM store.link WHERE relation = '{relation}' AND {end}_id = t.id AND known_to IS NULL OFFSET 0
) l
WHERE {which}
"""
_AMONG = "l.decision <> 'review' AND l.{other}_id = ANY (%(among)s::bigint[])"
_CLOSE = """
UPDATE store.link l SET known_to = %(change)s, retracted_because = %(reason)s
FROM unnest(%(left)s::bigint[], %(right)s::bigint[]) AS t (left_id, right_id)
WHERE l.relation = '{relation}' AND l.left_id = t.left_id AND l.right_id = t.right_id AND l.known_to IS NULL
"""


NO_EDGES = pl.DataFrame(schema=LINK_SCHEMA)


@dataclass(frozen=True)
class Task:
    """What one relation of a chunk has to look at."""

    channel: Channel
    relation: Relation
    change: int
    new: pl.Series  # without links
    changed: pl.Series
    gone: pl.Series
    has_decisions: bool  # somebody has decided something some time
    unique_within: frozenset[str] = frozenset()  # departments that promise no duplicate cases within themselves

    @classmethod
    def reading(cls, channel: Channel, relation: Relation, unique_within: frozenset[str] = frozenset()) -> Self:
        """Of who compares nodes of a store as they are, and changes none."""
        none = series(())
        return cls(channel, relation, 0, none, none, none, has_decisions=False, unique_within=unique_within)

    @property
    def model(self) -> Model:
        """The model in force."""
        return load_model(self.relation.name)


@dataclass(frozen=True)
class Evaluation:
    """What comparing gave."""

    nodes: pl.DataFrame  # as `read_nodes` gives them: those to examine, and those that had to be looked at with them
    labels: pl.DataFrame  # LABELS: what clustering must know of a node
    keys: pl.DataFrame  # id, key (numbers): to be shown in the key table
    met: Met  # published nodes under those keys
    edges: pl.DataFrame  # LINK_SCHEMA: live edges of the nodes from now on
    before: pl.DataFrame  # LINK_SCHEMA and known_from: live links of the nodes, and of those gone, until now
    lost: pl.DataFrame  # left, right: links and prohibitions of before that are no more, or of another weight


def forms_of(task: Task, nodes: pl.DataFrame) -> pa.Table:
    """Comparable forms of nodes."""
    return forms_in(task.relation, nodes, task.model, task.unique_within)


def forms_in(relation: Relation, nodes: pl.DataFrame, model: Model, unique_within: frozenset[str]) -> pa.Table:
    """Comparable forms of nodes, without a task."""
    inputs = as_input(relation, nodes)
    if relation is CASE:
        return case_forms(inputs, model, unique_within=unique_within)
    return (person_forms if relation is PERSON else organisation_forms)(inputs, model)


def keys_of(task: Task, forms: pa.Table) -> pl.DataFrame:
    """(id, key) of forms: blocking keys, as numbers."""
    text = pl.DataFrame(blocking_keys(task.relation.name, forms, task.model))
    return text.select("id", key_numbers(text["key"]).alias("key"))


def constraints_of(task: Task, nodes: pl.DataFrame) -> pa.Table:
    """Of the forms of nodes what `labels_of` takes: of persons and cases that is little, and firms are named by all of theirs."""
    if task.relation is ORGANISATION:
        return forms_of(task, nodes)
    if task.relation is CASE:
        return case_constraints(nodes.select("id", "department").to_arrow(), unique_within=task.unique_within)
    return person_constraints(nodes.select("id", "record_id", "role", "id_no").to_arrow(), task.model)


def labels_of(nodes: pl.DataFrame, forms: pa.Table) -> pl.DataFrame:
    """LABELS of nodes, which stand in the order of their forms.

    `key` is that of `names_of`; `identifier_hash` is enough to see that two verified numbers differ.
    """
    constraints = pl.DataFrame(forms.select(["id", "identifier", "apart"]))
    alike = [pl.Series(FINGERPRINT, forms[FINGERPRINT])] if FINGERPRINT in forms.column_names else []
    return constraints.with_columns(names_of(nodes.with_columns(alike)), identifier_hash=key_numbers(constraints["identifier"]))


def names_of(nodes: pl.DataFrame) -> pl.Series:
    """`key`: what names each node whatever its id, so that no order of ids decides between edges of one weight.

    Where nodes have a `fingerprint` that comes first: of those alike one has the edges of all, and which that is goes by who came first.
    """
    number = pl.col("ordinal").cast(pl.String) if "ordinal" in nodes.columns else pl.lit("")
    alike = [pl.col(FINGERPRINT).fill_null("")] if FINGERPRINT in nodes.columns else []
    return nodes.select(pl.concat_str(*alike, "department", "source_record_id", number, separator="\x1f").alias("key")).to_series()


def live_links(channel: Channel, relation: Relation, ids: pl.Series) -> pl.DataFrame:
    """Live links that any of the nodes has, each once: LINK_SCHEMA and `known_from`."""
    if ids.is_empty():
        return NO_EDGES.with_columns(known_from=pl.lit(None, pl.Int64))
    return channel.read(_LIVE.format(relation=relation.name), ids=ids).unique(PAIR_COLUMNS, maintain_order=True)


def linked_to(channel: Channel, relation: Relation, ids: pl.Series) -> pl.Series:
    """Nodes that any of these has a live link to, some of them these, too."""
    if ids.is_empty():
        return ids
    sides = ("left", "right"), ("right", "left")
    return pl.concat(_firm(channel, relation, end, "l.decision = 'link'", ids)[other] for end, other in sides).unique()


def firm_links(channel: Channel, relation: Relation, ids: pl.Series, known: pl.Series) -> pl.DataFrame:
    """FIRM: live links and prohibitions of nodes among each other, and with those that are known, each once.

    A link is found by its left end: by the right, rows lie all over the table. So is asked only for links whose left end is known.
    """
    if ids.is_empty():
        return pl.DataFrame(schema=FIRM)
    found = [_firm(channel, relation, "left", _AMONG.format(other="right"), ids, pl.concat([ids, known]))]
    if len(known):
        found.append(_firm(channel, relation, "right", _AMONG.format(other="left"), ids, known))
    return pl.concat(found)


def _firm(channel: Channel, relation: Relation, end: str, which: str, ids: pl.Series, among: pl.Series | None = None) -> pl.DataFrame:
    sql = _FIRM.format(relation=relation.name, end=end, which=which)
    return channel.read(sql, ids=ids) if among is None else channel.read(sql, ids=ids, among=among)


def _in_one_writing(links: pl.DataFrame) -> pl.DataFrame:
    """Links with their levels as text that is equal where they are: two levels of one weight are two all the same."""
    texts = links["levels"].drop_nulls().unique()
    written = [orjson.dumps(orjson.loads(one), option=orjson.OPT_SORT_KEYS).decode() for one in texts.to_list()]
    return links.with_columns(pl.col("levels").replace_strict(texts, written, default=None, return_dtype=pl.String))


def write_links(task: Task, evaluation: Evaluation) -> None:
    """Close live links that are not so any more and add those that are new; an unchanged one is left as it is."""
    same = list(LINK_SCHEMA)
    now, before = evaluation.edges, evaluation.before
    if now.height and before.height:
        now, before = _in_one_writing(now), _in_one_writing(before)
    gone = before.join(now, on=same, how="anti")
    new = now.join(before, on=same, how="anti")
    if gone.height:
        replaced = gone.join(now.select(PAIR_COLUMNS), on=PAIR_COLUMNS, how="semi")
        vanished = gone.join(now.select(PAIR_COLUMNS), on=PAIR_COLUMNS, how="anti")
        for rows, reason in ((replaced, "decided anew"), (vanished, "no longer alike, or no longer there")):
            if rows.height:
                sql = _CLOSE.format(relation=task.relation.name)
                task.channel.run(sql, left=rows["left"], right=rows["right"], change=task.change, reason=reason)
    rows = new.rename({"left": "left_id", "right": "right_id"}).with_columns(
        relation=pl.lit(task.relation.name), known_from=pl.lit(task.change)
    )
    task.channel.copy("store.link", rows)
