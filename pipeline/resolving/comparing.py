"""COMPARE: a chunk's nodes of one relation with whatever shares a key with them.

Enter nodes to examine and nodes that are gone; leave the edges that the former have from now on. What a person said of a
pair stands above what the engine says.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from matching.blocking import blocking_keys, representatives
from matching.linkage import link
from pipeline.resolving.ahead import Ahead
from pipeline.resolving.candidates import (
    NO_BLOCKS,
    Met,
    in_turn,
    key_numbers,
    meet_published,
    meet_within,
    read_blocks,
    readers_in,
    readers_of,
)
from pipeline.resolving.links import ENGINE, LABELS, LINK_SCHEMA, NO_EDGES, Evaluation, Task, forms_of, keys_of, labels_of, live_links
from pipeline.resolving.links import PAIR_COLUMNS as _PAIR
from pipeline.resolving.others import Others, forms_with_sides, of_nodes
from schema.records import PAIR

_PAIRS = pl.DataFrame(schema={"left": pl.Int64, "right": pl.Int64})
_VERDICTS = """
SELECT DISTINCT ON (d.left_id, d.right_id) d.left_id AS left, d.right_id AS right, d.verdict, d.decided_by
FROM unnest(%(ids)s::bigint[]) AS t (id) CROSS JOIN LATERAL (
    SELECT * FROM ops.decision WHERE relation = '{relation}' AND left_id = t.id
    UNION ALL SELECT * FROM ops.decision WHERE relation = '{relation}' AND right_id = t.id
) d WHERE d.verdict <> 'unsure' ORDER BY d.left_id, d.right_id, d.decision_id DESC
"""
_UNLISTED = """
SELECT t.id FROM unnest(%(ids)s::bigint[]) AS t (id) WHERE NOT EXISTS (SELECT FROM {key_lists} l WHERE l.{node} = t.id)
"""


def evaluate(task: Task, at_hand: pl.DataFrame, ahead: Ahead | None = None) -> Evaluation:
    """Compare the nodes with all that share a key, and look again at those which that leaves without their link.

    Args:
        task: whose nodes.
        at_hand: rows, as `read_nodes` gives them, that need not be read.
        ahead: what was done for these rows before.
    """
    comparing = _Comparing(task, at_hand, ahead)
    comparing.look_at(pl.concat([task.new, task.changed]), collapses=True)
    while True:
        unlike, bereft = comparing.unlike(), comparing.bereft()
        if unlike.is_empty() and bereft.is_empty():
            return comparing.evaluation()
        if len(unlike):
            comparing.look_at(unlike, collapses=False)
        if len(bereft):
            comparing.look_at(bereft, collapses=True)


class _Comparing:
    """Rounds of comparing within one chunk, adding up."""

    def __init__(self, task: Task, at_hand: pl.DataFrame, ahead: Ahead | None = None) -> None:
        self._task, self._at_hand, self._ahead = task, at_hand, ahead
        self._nodes: list[pl.DataFrame] = []
        self._none = pl.DataFrame()
        self._forms: list[pa.Table] = []
        self._others = Others(task, ahead.others if ahead else None)
        self._blocks = ahead.blocks if ahead else NO_BLOCKS
        self._keys = pl.DataFrame(schema={"id": pl.Int64, "key": pl.Int64})
        self._met: list[pl.DataFrame] = []
        self._edges = NO_EDGES
        self._before = live_links(task.channel, task.relation, task.gone)
        self._seen = pl.Series(dtype=pl.Int64)
        self._unlike = pl.Series(dtype=pl.Int64)

    def look_at(self, ids: pl.Series, *, collapses: bool) -> None:
        """Compare nodes; `collapses` lets those of one fingerprint be compared through one of them."""
        task = self._task
        is_again = bool(self._nodes) and bool(ids.is_in(self._seen.implode()).all())
        nodes, forms = self._again(ids) if is_again else self._first(ids)
        self._seen = pl.concat([self._seen, ids]).unique()
        old = live_links(task.channel, task.relation, ids.filter(~ids.is_in(task.new.implode())))
        self._before = pl.concat([self._before, old]).unique(_PAIR, maintain_order=True)
        if nodes.is_empty():
            self._none = nodes
            return
        if not is_again:
            self._nodes.append(nodes)
            self._forms.append(forms)
        like = self._represented(forms, nodes.select("id", readers_in())) if collapses and "fingerprint" in forms.column_names else _PAIRS
        alone = forms if like.is_empty() else forms.filter(pa.array(~nodes["id"].is_in(like["right"].implode())))
        within, published = self._candidates(alone)
        first = published.filter("is_first").select(left="id", right="other")
        met = _ordered(pl.concat([within, first, like]))
        edges = self._link(_ordered(pl.concat([met, self._known_pairs(nodes["id"], met)])))
        rest = _not_linked(published, edges)
        if rest.height:
            edges = pl.concat([edges, self._link(_ordered(rest))])
        alike = like.select(pl.min_horizontal(_PAIR).alias("left"), pl.max_horizontal(_PAIR).alias("right"), follower="right")
        linked = edges.filter(pl.col("decision") == "link")
        self._unlike = pl.concat([self._unlike, alike.join(linked, on=_PAIR, how="anti")["follower"]])
        self._edges = pl.concat([edges, self._edges]).unique(_PAIR, maintain_order=True, keep="first")

    def _first(self, ids: pl.Series) -> tuple[pl.DataFrame, pa.Table]:
        """Rows, as `read_nodes` gives them, and forms of nodes, read as far as they are not at hand."""
        here = self._at_hand.filter(pl.col("id").is_in(ids.implode()))
        others = ids.filter(~ids.is_in(here["id"].implode()))
        if others.is_empty():
            return here, self._forms_at_hand(here)
        rows, forms = self._others.of(others)
        forms = pa.concat_tables([self._forms_at_hand(here), forms]) if here.height else forms
        return pl.concat([here, rows]).sort("id"), forms.sort_by("id")

    def _forms_at_hand(self, rows: pl.DataFrame) -> pa.Table:
        if self._ahead is None:
            return forms_of(self._task, rows)
        return forms_with_sides(of_nodes(self._ahead.forms, rows["id"]), rows)

    def _again(self, ids: pl.Series) -> tuple[pl.DataFrame, pa.Table]:
        """The same of nodes that were looked at before."""
        forms = self._latest_forms()
        return _latest(self._nodes).filter(pl.col("id").is_in(ids.implode())), of_nodes(forms, ids)

    def _beside(self, ids: pl.Series) -> tuple[pl.DataFrame, pa.Table]:
        """The same of nodes that nobody looks at, but that they are compared with."""
        return self._others.of(ids) if len(ids) else (self._nodes[-1].clear(), self._forms[-1].slice(0, 0))

    def unlike(self) -> pl.Series:
        """Nodes that were compared with one of their own fingerprint alone, and are not linked to it."""
        unlike, self._unlike = self._unlike.unique().sort(), self._unlike.clear()
        return unlike

    def bereft(self) -> pl.Series:
        """Nodes that nobody has looked at and that lost a link, which may have been the one that spared them others, or their stand-in."""
        links = self._before.filter(pl.col("decision") == "link").join(self._edges, on=[*_PAIR, "decision"], how="anti")
        ends = pl.concat([links["left"], links["right"], self._behind_changed()]).unique()
        return ends.filter(~ends.is_in(pl.concat([self._seen, self._task.gone]).implode())).sort()

    def _behind_changed(self) -> pl.Series:
        """Nodes without keys of their own that are linked to one which changed: it may show others now, or be closed to who reads them."""
        task = self._task
        is_alike = any(rule.fields == ("fingerprint",) for rule in task.model.blocking)
        if not is_alike or task.changed.is_empty():
            return self._seen.clear()
        changed = task.changed.implode()
        links = self._before.filter((pl.col("decision") == "link") & (pl.col("left").is_in(changed) | pl.col("right").is_in(changed)))
        ends = pl.concat([links["left"], links["right"]]).unique()
        sql = _UNLISTED.format(key_lists=task.relation.key_lists, node=task.relation.node)
        return task.channel.read(sql, ids=ends.sort())["id"] if len(ends) else ends

    def evaluation(self) -> Evaluation:
        """Everything so far."""
        nodes = _latest(self._nodes) if self._nodes else self._none
        labels = [labels_of(rows, forms) for rows, forms in zip(self._nodes, self._forms, strict=True)]
        empty = pl.DataFrame(schema=LABELS)
        return Evaluation(
            nodes,
            _latest([empty, *labels]),
            self._keys if len(self._nodes) < 2 else self._keys.unique(maintain_order=True),
            Met(pl.concat([pl.DataFrame(schema={"key": pl.Int64, "id": pl.Int64, "other": pl.Int64}), *self._met])),
            self._edges.filter(pl.col("decision") != "no_link"),
            self._before,
            self._before.filter(pl.col("decision") != "review").join(self._edges, on=[*_PAIR, "decision", "match_weight"], how="anti"),
        )

    def _represented(self, forms: pa.Table, readers: pl.DataFrame) -> pl.DataFrame:
        """(left, right): nodes on the right are the same in all that is compared as the one on their left.

        That is one which is published and shows its keys, or else the first of the chunk's own; one that everybody may read who may
        read those on the right, for who may not read it would be shown none of them.
        """
        task = self._task
        rule = next((rule.name for rule in task.model.blocking if rule.fields == ("fingerprint",)), None)
        if rule is None:
            return _PAIRS
        frame = pl.DataFrame(forms.select(["id", "fingerprint"])).drop_nulls()
        keys = frame.select("id", key_numbers(pl.select(pl.lit(f"{rule}:") + frame["fingerprint"]).to_series()).alias("key"))
        blocks = read_blocks(task.channel, task.relation, keys["key"])
        met = meet_published(blocks, keys, unless=pl.concat([self._seen, task.gone]))
        theirs = readers_of(task.channel, task.relation, met.shared["other"])
        shared = met.shared.join(readers, on="id").join(theirs, left_on="other", right_on="id", suffix="_other")
        open_to_them = shared.filter((pl.col("readers_other") == "") | (pl.col("readers_other") == pl.col("readers")))
        shown = open_to_them.group_by("id").agg(pl.col("other").min().alias("published"))
        stands_for = self._first_alike(forms, readers).join(shown, on="id", how="left")
        like = stands_for.select("representative", left=pl.coalesce("published", "representative"), right="id")
        like = like.filter(pl.col("left") != pl.col("right"))
        return like.filter(pl.col("representative").is_in(self._linked_to_itself(forms, like["representative"]).implode())).select(_PAIR)

    @staticmethod
    def _first_alike(forms: pa.Table, readers: pl.DataFrame) -> pl.DataFrame:
        """(id, representative): `representatives` among those that the same may read."""
        frame = pl.DataFrame(forms.select(["id", "fingerprint"])).join(readers, on="id", how="left")
        apart = frame.select("id", fingerprint=pl.concat_str("fingerprint", "readers", separator="|"))
        return pl.DataFrame(representatives(apart.to_arrow()))

    def _linked_to_itself(self, forms: pa.Table, ids: pl.Series) -> pl.Series:
        """Those that would be linked to another just like them: what says too little is not."""
        own = forms.filter(pa.array(pl.Series(forms["id"]).is_in(ids.implode())))
        if not own.num_rows:
            return ids.clear()
        frame = pl.DataFrame(own)
        double = frame.with_columns(-pl.col("id"), pl.lit(None, pl.String).alias("apart")).to_arrow().cast(own.schema)
        pairs = frame.select(left=-pl.col("id"), right="id").to_arrow().cast(PAIR)
        edges = pl.DataFrame(link(self._task.relation.name, own, double, pairs, self._task.model))
        return edges.filter(pl.col("decision") == "link")["right"]

    def _candidates(self, forms: pa.Table) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Pairs by blocking keys: among the chunk's nodes, and, as `in_turn` has them, with published ones."""
        task = self._task
        keys = keys_of(task, forms)
        self._keys = pl.concat([self._keys, keys])
        blocks = read_blocks(task.channel, task.relation, keys["key"], self._blocks)
        met = meet_published(blocks, keys, unless=pl.concat([self._seen, task.gone]))
        self._met.append(met.shared)
        return meet_within(keys, self._keys), in_turn(task.channel, task.relation, met)

    def _known_pairs(self, ids: pl.Series, met: pl.DataFrame) -> pl.DataFrame:
        """Pairs that are linked by now and meet still, beside those that met anyhow, and pairs that a person has judged."""
        before = self._before.filter(pl.col("left").is_in(ids.implode()) | pl.col("right").is_in(ids.implode()))
        pairs = [self._sharing_a_key(before.join(met, on=_PAIR, how="anti"))]
        if self._task.has_decisions:
            judged = self._verdicts(ids).select(_PAIR)
            pairs.append(judged.filter(pl.col("left").is_in(ids.implode()) | pl.col("right").is_in(ids.implode())))
        return pl.concat(pairs)

    def _sharing_a_key(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Of pairs those that share a key, however crowded: others nobody would compare who came to them now, and so they part."""
        if pairs.is_empty():
            return _PAIRS
        task, here = self._task, self._latest_forms()
        ends = pl.concat([pairs["left"], pairs["right"]]).unique()
        others = ends.filter(~ends.is_in(pl.concat([pl.Series(here["id"]), task.gone]).implode()))
        beside = self._beside(others)[1]
        forms = [of_nodes(here, ends), *([beside] if beside.num_rows else [])]
        keys = pl.concat(pl.DataFrame(blocking_keys(task.relation.name, each, task.model)) for each in forms)
        shared = pairs.join(keys, left_on="left", right_on="id").join(keys, left_on=["right", "key"], right_on=["id", "key"], how="semi")
        return shared.select(_PAIR).unique()

    def _verdicts(self, ids: pl.Series) -> pl.DataFrame:
        """People's newest word on pairs of these nodes; "unsure" is none, and takes back no other."""
        task = self._task
        return task.channel.read(_VERDICTS.format(relation=task.relation.name), ids=ids)

    def _link(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """LINK_SCHEMA of pairs whose both nodes are there, people's verdicts applied."""
        task = self._task
        here = pl.concat([nodes["id"] for nodes in self._nodes]).unique()
        ends = pl.concat([pairs["left"], pairs["right"]]).unique()
        others, known = self._beside(ends.filter(~ends.is_in(pl.concat([here, task.gone]).implode())))
        there = pl.concat([here, others["id"]]).implode()
        compared = pairs.filter(pl.col("left").is_in(there) & pl.col("right").is_in(there))
        edges = pl.DataFrame(link(task.relation.name, self._latest_forms(), known, compared.to_arrow(), task.model))
        stamped = edges.with_columns(model_version=pl.lit(task.model.version), decided_by=pl.lit(ENGINE)).select(list(LINK_SCHEMA))
        return self._judged(stamped) if task.has_decisions else stamped

    def _latest_forms(self) -> pa.Table:
        if len(self._forms) == 1:
            return self._forms[0]
        return _latest([pl.DataFrame(forms) for forms in self._forms]).to_arrow()

    def _judged(self, edges: pl.DataFrame) -> pl.DataFrame:
        """Edges with what people said in the place of what the engine says."""
        verdicts = self._verdicts(pl.concat([edges["left"], edges["right"]]).unique())
        said = pl.col("verdict").replace_strict({"yes": "link", "no": "cannot_link"}, return_dtype=pl.String)
        return (
            edges.join(verdicts.rename({"decided_by": "person"}), on=_PAIR, how="left")
            .with_columns(decision=pl.coalesce(said, "decision"), decided_by=pl.coalesce("person", "decided_by"))
            .select(list(LINK_SCHEMA))
        )


def _ordered(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs with the lesser id on the left, each once."""
    return pairs.select(left=pl.min_horizontal(_PAIR), right=pl.max_horizontal(_PAIR)).unique().sort(_PAIR)


def _not_linked(published: pl.DataFrame, edges: pl.DataFrame) -> pl.DataFrame:
    """(left, right): whom to compare because none of their entity that came first is linked."""
    rest = published.filter(~pl.col("is_first"))
    if rest.is_empty():
        return _PAIRS
    linked = edges.filter(pl.col("decision") == "link")
    ends = pl.concat([linked.select(id="left", other="right"), linked.select(id="right", other="left")])
    found = published.filter("is_first").join(ends, on=["id", "other"], how="semi")
    return rest.join(found, on=["id", "entity"], how="anti").select(left="id", right="other")


def _latest(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Rows of all parts, of one id the last."""
    filled = [part for part in parts if part.height]
    if len(filled) < 2:
        return (filled or parts)[0]
    return pl.concat(filled).unique("id", keep="last", maintain_order=True)
