"""Why records are one case, or not: each link with the steps that the engine took, under the version of the model that decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from api.access import Clearance
from api.answers.common import Coded
from api.answers.one_case import LinkAnswer, Waterfall, WaterfallStep
from api.case_view import CaseView, clearances
from api.chronicle import Chronicle
from api.queries import case as queries
from api.queries.rows import Row
from matching.model import Model
from matching.weights import RARITY, explain, waterfall
from pipeline.resolving.links import ENGINE

#: (by a person, decision) → how it is told.
TOLD = {
    (False, "link"): ("系统判定为同一案件", "the engine holds them to be one case"),
    (False, "review"): ("系统存疑，待复核", "the engine leaves it to a person"),
    (False, "cannot_link"): ("系统判定不得合并", "the engine forbids them to be one case"),
    (True, "link"): ("人工判定为同一案件", "a person decided that they are one case"),
    (True, "cannot_link"): ("人工判定不得合并", "a person decided that they are not one case"),
}


_FIELDS = {"kilometres": ("longitude", "latitude")}  # kind of comparison → what it compares, where that is not its column


def case_links(connection: Connection, view: CaseView, chronicle: Chronicle) -> list[LinkAnswer]:
    """Links among the records that the caller may read, then what keeps readable records of other cases out, or may not."""
    inside = queries.links(connection, list(view.readable), view.moment)
    outside: list[Row] = []
    if view.readable:
        found = queries.outside_links(connection, list(view.readable), view.presenter.caller.department, view.moment)
        may = clearances(connection, view.presenter, found, view.moment)
        outside = [row for row in found if may[row["record_id"]] in (Clearance.CLEAR, Clearance.MASKED)]
    rows = [*inside, *outside]
    models = chronicle.models("case", (row["model_version"] for row in rows))
    return [_link(row, view, models.get(row["model_version"])) for row in rows]


def _link(row: Row, view: CaseView, model: Model | None) -> LinkAnswer:
    known = dict(view.readable)
    if "outside_id" in row:
        known[row["outside_id"]] = row
    ends = {end: view.presenter.reference(known[row[f"{end}_id"]]) for end in ("left", "right")}
    kept = {key: row[key] for key in ("decision", "match_weight", "levels", "model_version", "decided_by")}
    hidden = view.presenter.hidden_in(known[row["left_id"]]) | view.presenter.hidden_in(known[row["right_id"]])
    if hidden:
        kept |= _without(hidden, row["levels"], model)
    is_persons = row["decided_by"] != ENGINE
    zh, en = TOLD.get((is_persons, row["decision"]), (row["decision"], row["decision"]))
    return LinkAnswer(
        left=ends["left"],
        right=ends["right"],
        told=Coded(code=f"{'person' if is_persons else 'engine'}_{row['decision']}", zh=zh, en=en),
        waterfall=None if model is None else _waterfall(kept["levels"], model),
        case_id=row.get("case_id"),
        **kept,
    )


def _without(hidden: frozenset[str], levels: Mapping[str, str], model: Model | None) -> dict[str, Any]:
    """The levels that tell nothing of hidden fields, and what they weigh: how near two amounts are says what one of them is."""
    if model is None:
        return {"levels": {}, "match_weight": 0.0}
    telling = {one.name for one in model.comparisons if not hidden.isdisjoint(_FIELDS.get(one.kind, (one.column,)))}
    telling |= {one.name for one in model.adjustments if not telling.isdisjoint(one.when)}
    kept = {name: level for name, level in levels.items() if name.removesuffix(RARITY) not in telling}
    try:
        return {"levels": kept, "match_weight": round(sum(explain(kept, model).values()), 6)}
    except (KeyError, ValueError):
        return {"levels": {}, "match_weight": 0.0}


def _waterfall(levels: Mapping[str, str], model: Model) -> Waterfall | None:
    try:
        steps = waterfall(levels, explain(levels, model))
    except (KeyError, ValueError):  # levels of another model's words: better no waterfall than a wrong one
        return None
    return Waterfall(
        steps=[
            WaterfallStep(step=one.name, level=one.level or None, bits=round(one.bits, 6), so_far=round(one.so_far, 6)) for one in steps
        ],
        total=round(steps[-1].so_far, 6),
        link=model.link,
        review=model.review,
    )
