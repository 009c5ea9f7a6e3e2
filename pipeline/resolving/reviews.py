"""REVIEW TASKS: pairs that the engine leaves to a person.

A task is open while its two nodes have a live review link, nobody has said anything of them, and they have not come to
be one entity by another way; or a live link that was passed over because one of the two is torn, that is, might as well be one
with a third: such a task has, under `torn` among its levels, which of the two that is and the id of a third.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Engine, text

from hub.database import store_errors
from hub.errors import NotFound
from hub.wording import Words
from matching.cohesion import weakest_links
from pipeline.resolving.entity_ids import Fates
from pipeline.resolving.links import ENGINE, Evaluation, Task, live_links
from pipeline.resolving.relations import Relation
from pipeline.store.channel import Channel

_STATES = """
SELECT t.left_id, t.right_id, l.match_weight,
       CASE WHEN t.rival IS NULL THEN l.levels ELSE l.levels || jsonb_build_object(
           'torn', jsonb_build_object('id', t.torn, 'rival', t.rival, 'side', t.side)) END::text AS levels,
       r.task_id, r.match_weight AS task_weight, r.side IS NOT DISTINCT FROM t.side AS is_as_it_was,
       a.{entity} IS NOT DISTINCT FROM b.{entity} AS is_one,
       EXISTS (SELECT FROM ops.decision d WHERE d.relation = '{name}' AND d.left_id = t.left_id AND d.right_id = t.right_id) AS is_decided
FROM (SELECT one AS left_id, other AS right_id, torn, nullif(third, 0) AS rival, nullif(end_of, 'none') AS side
      FROM unnest(%(left)s::bigint[], %(right)s::bigint[], %(torn)s::bigint[], %(rival)s::bigint[], %(side)s::text[])
      AS u (one, other, torn, third, end_of)) t
LEFT JOIN LATERAL (
    SELECT match_weight, levels FROM store.link
    WHERE relation = '{name}' AND left_id = t.left_id AND right_id = t.right_id AND known_to IS NULL
      AND decision = CASE WHEN t.rival IS NULL THEN 'review' ELSE 'link' END OFFSET 0
) l ON true
LEFT JOIN LATERAL (
    SELECT task_id, match_weight, levels -> 'torn' ->> 'side' AS side FROM store.review_task
    WHERE relation = '{name}' AND left_id = t.left_id AND right_id = t.right_id AND state = 'open' OFFSET 0
) r ON true
LEFT JOIN LATERAL (SELECT {entity} FROM {members} WHERE {node} = t.left_id AND known_to IS NULL OFFSET 0) a ON true
LEFT JOIN LATERAL (SELECT {entity} FROM {members} WHERE {node} = t.right_id AND known_to IS NULL OFFSET 0) b ON true
"""
# All of them, which are few: a chunk's nodes are many to name.
_TORN = "SELECT left_id AS left, right_id AS right FROM store.review_task WHERE relation = '{name}' AND state = 'open' AND levels ? 'torn'"
_CLOSE = """
UPDATE store.review_task r SET state = t.state, closed_change = %(change)s
FROM unnest(%(tasks)s::bigint[], %(states)s::text[]) AS t (task_id, state) WHERE r.task_id = t.task_id
"""
_OPEN = """
SELECT r.task_id, r.relation, r.left_id, r.right_id, r.match_weight, (r.levels -> 'torn' ->> 'id')::bigint,
       (r.levels -> 'torn' ->> 'rival')::bigint, c.at FROM store.review_task r
LEFT JOIN LATERAL (SELECT min(at) AS at FROM store.change WHERE change_number = r.opened_change) c ON true
WHERE r.state = 'open' AND (:relation = '' OR r.relation = :relation) AND NOT EXISTS (
    SELECT FROM ops.decision d WHERE d.relation = r.relation AND d.left_id = r.left_id AND d.right_id = r.right_id
) ORDER BY r.match_weight DESC, r.task_id LIMIT :most
"""
_TASK = """
SELECT r.task_id, r.relation, r.left_id, r.right_id, r.match_weight, (r.levels -> 'torn' ->> 'id')::bigint,
       (r.levels -> 'torn' ->> 'rival')::bigint, r.state, EXISTS (
    SELECT FROM ops.decision d WHERE d.relation = r.relation AND d.left_id = r.left_id AND d.right_id = r.right_id
) AS is_judged FROM store.review_task r WHERE r.task_id = :task
"""
_INSIDE = """
SELECT l.left_id AS left, l.right_id AS right, l.match_weight, l.decided_by, a.{entity}::text AS entity FROM store.link l
JOIN {members} a ON a.{node} = l.left_id AND a.known_to IS NULL
JOIN {members} b ON b.{node} = l.right_id AND b.known_to IS NULL AND b.{entity} = a.{entity}
WHERE l.relation = '{relation}' AND l.known_to IS NULL AND l.decision = 'link'
"""


@dataclass(frozen=True)
class ReviewTask:
    """A pair that waits for a person: bits are the engine's, `opened_at` when it came up.

    It waits for its bits, or because `torn`, one of the two, might as well be one with `rival`, which is not the other.
    """

    task_id: int
    relation: str
    left: int
    right: int
    match_weight: float
    torn: int | None = None
    rival: int | None = None
    opened_at: datetime | None = None


def open_tasks(engine: Engine, relation: str = "", most: int = 50) -> list[ReviewTask]:
    """Tasks that are open, the likeliest to be one first; of one relation, or of all."""
    with store_errors(), engine.connect() as connection:
        return [ReviewTask(*row) for row in connection.execute(text(_OPEN), {"relation": relation, "most": most})]


def open_task(engine: Engine, task_id: int) -> ReviewTask:
    """An open task.

    Raises:
        NotFound: there is none of that number, it is closed, or somebody has said something of it that RESOLVE will apply.
    """
    with store_errors(), engine.connect() as connection:
        row = connection.execute(text(_TASK), {"task": task_id}).one_or_none()
    if row is None or row.state != "open" or row.is_judged:
        state = Words("不存在", "does not exist")
        if row is not None:
            state = Words("已关闭", "is closed") if row.state != "open" else Words("已有复核结论", "has been decided")
        raise NotFound(
            f"复核任务 {task_id} {state.zh} · review task {task_id} {state.en}",
            remedy="用 `casehub review list` 查看待办任务 · `casehub review list` shows those that are open",
        )
    return ReviewTask(*row[:7])


def weakest(engine: Engine, relation: Relation, most: int) -> pl.DataFrame:
    """(entity, left, right, match_weight): entities by the link that they cannot do without, the weakest first.

    Links that a person made are as sure as can be: what they join hangs by the weakest of the others.
    """
    sql = _INSIDE.format(relation=relation.name, entity=relation.entity, members=relation.members, node=relation.node)
    with store_errors(), engine.begin() as connection, Channel(connection) as channel:
        links = channel.read(sql)
    ends = [links.select(id=side, cluster="entity") for side in ("left", "right")]
    is_engines = pl.col("decided_by") == ENGINE
    weighed = links.with_columns(match_weight=pl.when(is_engines).then("match_weight").otherwise(float("inf")))
    found = pl.DataFrame(weakest_links(pl.concat(ends).unique().to_arrow(), weighed.to_arrow())).rename({"cluster": "entity"})
    return found.filter(pl.col("match_weight").is_finite()).head(most)


def update_reviews(task: Task, evaluation: Evaluation, fates: Fates, clustered: pl.Series, torn: pl.DataFrame) -> int:
    """Open and close tasks as the chunk's links and memberships, already written, have it.

    Args:
        task: the chunk's relation.
        evaluation: its links.
        fates: its memberships.
        clustered: nodes that were clustered anew.
        torn: TORN of these.

    Returns:
        How many were opened.
    """
    relation, channel = task.relation, task.channel
    elsewhere = live_links(channel, relation, fates.moves.drop_nulls("former")["id"])
    seen = [links.filter(pl.col("decision") == "review") for links in (evaluation.edges, evaluation.before, elsewhere)]
    judged = evaluation.edges.filter(pl.col("decided_by") != "engine") if task.has_decisions else evaluation.edges.clear()
    is_clustered, is_gone = ([pl.col(side).is_in(nodes.implode()) for side in ("left", "right")] for nodes in (clustered, task.gone))
    torn_before = channel.read(_TORN.format(name=relation.name)).filter(pl.all_horizontal(is_clustered) | pl.any_horizontal(is_gone))
    pairs = pl.concat([links.select("left", "right") for links in (*seen, judged, torn_before, torn)]).unique()
    if pairs.is_empty():
        return 0
    pairs = pairs.join(_sides(torn), on=["left", "right"], how="left").with_columns(pl.col("torn", "rival").fill_null(0))
    sql = _STATES.format(name=relation.name, entity=relation.entity, members=relation.members, node=relation.node)
    states = channel.read(sql, **pairs.with_columns(pl.col("side").fill_null("none")).to_dict())
    wanted = states.filter(pl.col("match_weight").is_not_null() & ~pl.col("is_one") & ~pl.col("is_decided"))
    standing = wanted.filter((pl.col("task_weight") == pl.col("match_weight")) & pl.col("is_as_it_was"))
    closed = states.drop_nulls("task_id").join(standing, on="task_id", how="anti")
    if closed.height:
        words = closed.select(pl.when("is_decided").then(pl.lit("decided")).otherwise(pl.lit("obsolete"))).to_series()
        channel.run(_CLOSE, puts_off=True, change=task.change, tasks=closed["task_id"], states=words)
    opened = wanted.join(standing, on=["left_id", "right_id"], how="anti")
    rows = opened.select(
        "left_id",
        "right_id",
        "match_weight",
        "levels",
        relation=pl.lit(relation.name),
        opened_change=pl.lit(task.change),
    )
    channel.copy("store.review_task", rows, puts_off=True)
    return opened.height


def _sides(torn: pl.DataFrame) -> pl.DataFrame:
    """(left, right, torn, rival, side) of TORN, each pair once; `side` says which of the two is torn: left, right or both."""
    once = torn.group_by("left", "right", maintain_order=True).agg(pl.col("torn", "rival").first(), sides=pl.col("torn").n_unique())
    side = pl.when(pl.col("sides") > 1).then(pl.lit("both")).when(pl.col("torn") == pl.col("left")).then(pl.lit("left"))
    return once.select("left", "right", "torn", "rival", side=side.otherwise(pl.lit("right")))
