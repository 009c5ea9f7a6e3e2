"""Feeds and what they refused: for the engineer above all."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.answers.platform import BatchAnswer, QuarantineItem, QuarantinePage, SourceAnswer, SourceList
from api.audit.notes import shape_of
from api.cursor import read_number_cursor, write_number_cursor
from api.dependencies import CallerDep, HubDep, TraceDep
from api.metrics import ROWS
from api.presenter import Presenter
from api.problems import documented
from api.queries import platform
from api.queries.platform import QuarantineFilter
from api.queries.rows import Row
from api.questions.platform import QuarantineQuery
from api.state import Hub

router = APIRouter(prefix="/v1", tags=["platform"])


@router.get("/sources", name="sources.list", responses=documented(401, 403, 422, 503, 504))
def list_sources(caller: CallerDep, hub: HubDep, trace: TraceDep) -> SourceList:
    """各部门数据源的状态 · Where each department's feed stands, whether it is late, and what its last batch did.

    Counts and the watermark are shown to the department itself and to operators of the whole platform: those of another's records may
    tell of sealed ones.
    """
    with hub.read() as connection:
        feeds = platform.feeds(connection, list(hub.directory))
        refused = platform.open_quarantine(connection)
    presenter = Presenter(caller, hub.directory)
    trace.results = len(feeds)
    return SourceList(items=[_source(hub, feed, refused.get(feed["department"], 0), presenter) for feed in feeds])


def _source(hub: Hub, feed: Row, refused: int, presenter: Presenter) -> SourceAnswer:
    department, active = hub.directory.get(feed["department"]), hub.settings.active_departments
    is_pulled = not active or department.code in active
    is_counted = presenter.caller.sees_counts_of(department.code)
    limit_s = None if department.freshness is None else department.freshness.total_seconds()
    return SourceAnswer(
        department=presenter.department(department.code),
        contract_version=feed["contract_version"] or department.contract_version,
        mode=department.mode,
        schedule=department.schedule,
        freshness_s=limit_s,
        watermark=feed["watermark"] if is_counted else None,
        last_success_at=feed["last_success_at"],
        last_reconcile_at=feed["last_reconcile_at"],
        is_late=None if limit_s is None or not is_pulled else feed["age_s"] is None or feed["age_s"] > limit_s,
        last_error=feed["error"] if presenter.caller.is_operator and is_counted else None,
        last_batch=None if feed["batch_id"] is None else _batch(feed, is_counted),
        open_quarantine=refused if is_counted else None,
    )


def _batch(row: Row, is_counted: bool) -> BatchAnswer:
    kept = ("batch_id", "kind", "state", "started_at", "finished_at", *(ROWS if is_counted else ()))
    return BatchAnswer(**{name: row[name] for name in kept})


@router.get("/quarantine", name="quarantine.list", responses=documented(401, 403, 422, 503, 504))
def list_quarantine(query: Annotated[QuarantineQuery, Query()], caller: CallerDep, hub: HubDep, trace: TraceDep) -> QuarantinePage:
    """被拒的行：哪一行、哪条规则、为什么 · Rows that were refused: which, by which rule, why; never their values. Engineers and admins.

    An operator of one department is shown that department's rows alone.
    """
    wanted = QuarantineFilter(
        limit=query.limit,
        department=query.department,
        own=caller.department,
        rule=query.rule,
        state=query.state,
        before=None if query.cursor is None else read_number_cursor(query.cursor),
    )
    trace.shape = shape_of(query)
    with hub.read() as connection:
        rows = platform.quarantine(connection, wanted)
    shown = rows[: query.limit]
    trace.results = len(shown)
    presenter = Presenter(caller, hub.directory)
    return QuarantinePage(
        items=[
            QuarantineItem(**{**row, "department": presenter.department(row["department"]), "column": row.pop("column_name")})
            for row in shown
        ],
        next_cursor=write_number_cursor(shown[-1]["item_id"]) if len(rows) > query.limit else None,
    )
