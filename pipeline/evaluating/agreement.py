"""AGREEMENT: what people said of pairs beside what the engine says of them, and what that tells of its links.

A confusion matrix counts every pair that somebody judged, under the model in force: judged pairs are mostly doubtful ones,
so it shows where the engine errs and not how often. How often is estimated from links drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl
from sqlalchemy import Connection, Engine, text

from hub.database import store_errors
from hub.errors import RequestError
from pipeline.evaluating.pairs import judged_by_engine
from pipeline.resolving.relations import Relation

LARGEST_SAMPLE = 10_000
_CONFIDENCE = 0.95
_JUDGED = """
SELECT DISTINCT ON (left_id, right_id) left_id, right_id, verdict FROM ops.decision
WHERE relation = :relation ORDER BY left_id, right_id, decision_id DESC
"""
# A link that clustering passed over, for it would join what may not be one, has made nothing one that could be wrong.
_DRAW = """
INSERT INTO ops.link_sample (relation, left_id, right_id, model_version, match_weight)
SELECT l.relation, l.left_id, l.right_id, l.model_version, l.match_weight FROM store.link l
JOIN {members} a ON a.{node} = l.left_id AND a.known_to IS NULL
JOIN {members} b ON b.{node} = l.right_id AND b.known_to IS NULL AND b.{entity} = a.{entity}
WHERE l.relation = :relation AND l.known_to IS NULL AND l.decision = 'link' AND l.decided_by = 'engine'
ORDER BY random() LIMIT :size ON CONFLICT DO NOTHING
"""
_TO_JUDGE = """
SELECT s.left_id, s.right_id FROM ops.link_sample s WHERE s.relation = :relation AND NOT EXISTS (
    SELECT FROM ops.decision d WHERE d.relation = s.relation AND d.left_id = s.left_id AND d.right_id = s.right_id
    AND d.decided_at >= s.drawn_at)
AND EXISTS (SELECT FROM store.link l WHERE l.left_id = s.left_id AND l.right_id = s.right_id AND l.relation = s.relation
            AND l.known_to IS NULL AND l.decision = 'link')
ORDER BY s.drawn_at, s.left_id, s.right_id LIMIT :most
"""
_ESTIMATE = """
SELECT s.relation, s.model_version, count(*) AS drawn, count(*) FILTER (WHERE d.verdict = 'yes') AS right_ones,
       count(*) FILTER (WHERE d.verdict = 'no') AS wrong_ones, count(*) FILTER (WHERE d.verdict = 'unsure') AS unsure
FROM ops.link_sample s LEFT JOIN LATERAL (
    SELECT verdict FROM ops.decision d WHERE d.relation = s.relation AND d.left_id = s.left_id AND d.right_id = s.right_id
    AND d.decided_at >= s.drawn_at ORDER BY decision_id DESC LIMIT 1) d ON true
WHERE s.model_version = (SELECT model_version FROM ops.link_sample n WHERE n.relation = s.relation ORDER BY drawn_at DESC LIMIT 1)
GROUP BY 1, 2 ORDER BY 1
"""


@dataclass(frozen=True)
class Precision:
    """How many of a relation's links are right, from those drawn last and judged.

    Args:
        relation: of the links.
        model_version: that linked them.
        drawn: links in the sample.
        right: judged to be right; `wrong` and `unsure` likewise. An unsure one counts as neither.
        share: right among right and wrong; None as long as none is judged.
        low: lower end of the share's 95 % Wilson interval, `high` its upper end.
    """

    relation: str
    model_version: str
    drawn: int
    right: int
    wrong: int
    unsure: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


def judged(connection: Connection, relation: Relation) -> pl.DataFrame:
    """(left, right, verdict): people's newest word on each pair."""
    rows = [tuple(row) for row in connection.execute(text(_JUDGED), {"relation": relation.name})]
    return pl.DataFrame(rows, schema={"left": pl.Int64, "right": pl.Int64, "verdict": pl.String}, orient="row")


def confusion(engine: Engine, relation: Relation) -> pl.DataFrame:
    """(engine, yes, no, unsure): what people said of the pairs of which the engine says link, review, no_link or cannot_link.

    Pairs of which one is gone are counted as `gone`.
    """
    with store_errors(), engine.begin() as connection:
        said = judged(connection, relation)
        edges = judged_by_engine(connection, relation, said.select("left", "right"))
    beside = said.join(edges.select("left", "right", engine="decision"), on=["left", "right"], how="left")
    counts = (pl.col("verdict").eq(word).sum().alias(word) for word in ("yes", "no", "unsure"))
    rows = beside.with_columns(pl.col("engine").fill_null("gone")).group_by("engine").agg(*counts)
    order = pl.DataFrame({"engine": ["link", "review", "no_link", "cannot_link", "gone"]})
    return order.join(rows, on="engine", how="inner", maintain_order="left")


def draw(engine: Engine, relation: Relation, size: int) -> int:
    """Draw live links of the engine's own that join two at random, each as likely as any other; how many were not drawn before.

    Raises:
        RequestError: more than LARGEST_SAMPLE, or none.
    """
    if not 1 <= size <= LARGEST_SAMPLE:
        raise RequestError(
            f"无法抽取 {size} 条样本 · a sample of {size} cannot be drawn",
            remedy=f"样本数为 1 至 {LARGEST_SAMPLE} · give a size from 1 to {LARGEST_SAMPLE}",
        )
    sql = _DRAW.format(members=relation.members, node=relation.node, entity=relation.entity)
    with store_errors(), engine.begin() as connection:
        return int(connection.execute(text(sql), {"relation": relation.name, "size": size}).rowcount)


def to_judge(engine: Engine, relation: Relation, most: int) -> list[tuple[int, int]]:
    """Links drawn that still stand and that nobody has judged since, the oldest first."""
    with store_errors(), engine.connect() as connection:
        rows = connection.execute(text(_TO_JUDGE), {"relation": relation.name, "most": most})
        return [(left, right) for left, right in rows]


def precision(connection: Connection) -> list[Precision]:
    """What the samples tell, of each relation of which links were drawn."""
    return [_estimated(Precision(*row)) for row in connection.execute(text(_ESTIMATE))]


def precisions(engine: Engine) -> list[Precision]:
    """The same, by a connection of its own."""
    with store_errors(), engine.connect() as connection:
        return precision(connection)


def _estimated(one: Precision) -> Precision:
    judged = one.right + one.wrong
    if not judged:
        return one
    from scipy.stats import binomtest  # takes a second to load: only where there is something to estimate

    interval = binomtest(one.right, judged).proportion_ci(_CONFIDENCE, method="wilson")
    return replace(one, share=one.right / judged, low=float(interval.low), high=float(interval.high))
