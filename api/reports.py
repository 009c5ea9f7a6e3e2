"""Reports of what is wrong: one of a case, a value or a link goes to whose it is, and both sides follow what becomes of it.

A value belongs to the department whose record states it, a link to both its records' departments and to the platform's
administrators, a case to every department whose records of it the reporter reads. None of them may learn by that of a sealed record, or
of a link to a restricted one: such a report stays with that record's department. Whoever a report goes to is told of it only if his login
reads what it is about, and of departments only as far as he may know of their records.
"""

from __future__ import annotations

import dataclasses
import shlex
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert, text

from api.access import Caller, Clearance, Treatment, treatment
from api.answers.reports import ReportDetail, ReportNote, ReportSummary
from api.audit import write_within
from api.case_view import CaseView, read_view
from api.cursor import CasePosition
from api.once import NOTE, REPORT, is_made, new_id
from api.presenter import Presenter
from api.queries import case as case_queries
from api.queries import reports as queries
from api.queries.reports import Box, Known
from api.queries.rows import Row
from api.questions.reports import NamedRecord, NewReport, ReportStep
from api.state import Hub, Trace
from hub.database import changing
from hub.errors import NotFound, RequestError
from schema.tables import report

LOOK = 200  # reports that are looked at at once for those that the caller is told of
BUDGET_S = 2.0  # of one page; whoever is told of few is told how far it got

#: Who may bring a report into which state, from which.
_STEPS: dict[str, dict[str, frozenset[str]]] = {
    "owner": {
        "taken": frozenset({"open"}),
        "corrected": frozenset({"open", "taken"}),
        "refused": frozenset({"open", "taken"}),
    },
    "reporter": {
        "open": frozenset({"corrected", "refused"}),
        "closed": frozenset({"open", "taken", "corrected", "refused"}),
    },
}


@dataclass(frozen=True)
class Page:
    """Reports that the caller is told of, with what he may know of them, and after which the next page begins (None: there is none)."""

    rows: list[tuple[Row, Known]]
    end: CasePosition | None


@dataclass(frozen=True)
class Target:
    """What a report is about, and whose it is."""

    record_ids: tuple[int, ...]
    departments: tuple[str, ...]
    to_admins: bool = False


def target_of(connection: Connection, presenter: Presenter, asked: NewReport) -> Target:
    """Find what a report is about, as far as its reporter may read it.

    Raises:
        NotFound: there is no such case, value or link that he may read.
    """
    view = read_view(connection, presenter, asked.case_id)
    if view is None or not view.readable:
        raise _no_such_thing()
    if asked.about == "case":
        records = view.readable.values()
        return Target((), _departments([row for row in records if not _is_sealed(row)] or records))
    if asked.about == "link":
        return _link(connection, view, asked)
    record = _value(view, asked)
    return Target((record["record_id"],), (record["department"],))


def _value(view: CaseView, asked: NewReport) -> Mapping[str, Any]:
    """The record that states a value; one that the policy hides from the reporter is not there."""
    field = asked.field or ""
    if asked.record is None:
        if field not in view.values():
            raise _no_such_thing()
        return view.readable[view.stated[field][0][1][0]]
    record = _named(view, asked.record)
    if treatment(view.presenter.caller, view.presenter.is_own(record), field.removeprefix("parties.")) is Treatment.HIDDEN:
        raise _no_such_thing()
    return record


def _link(connection: Connection, view: CaseView, asked: NewReport) -> Target:
    ends = [_named(view, end) for end in (asked.left, asked.right) if end is not None]
    ids = sorted(end["record_id"] for end in ends)
    if not any([row["left_id"], row["right_id"]] == ids for row in case_queries.links(connection, ids)):
        raise _no_such_thing()
    # Who may not read an end is told of no link: sealed ones are the reporter's own department's, and told of to nobody beside it.
    closed = [end for end in ends if _is_sealed(end)] or [end for end in ends if end["visibility"] != "shared"]
    return Target(tuple(end["record_id"] for end in ends), _departments(closed or ends), to_admins=not closed)


def _departments(records: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(sorted({row["department"] for row in records}))


def _is_sealed(row: Mapping[str, Any]) -> bool:
    return row["visibility"] not in ("shared", "restricted")  # what is not understood is not told of


def _named(view: CaseView, wanted: NamedRecord) -> Mapping[str, Any]:
    for row in view.readable.values():
        if (row["department"], row["source_record_id"]) == (wanted.department, wanted.source_record_id):
            return row
    raise _no_such_thing()


def file_report(engine: Engine, caller: Caller, asked: NewReport, target: Target, trace: Trace) -> uuid.UUID:
    """Keep a report, and write the call down with it.

    Raises:
        RequestError: the call's key was used for another report.
    """
    row = {
        "report_id": new_id(trace),
        "case_id": asked.case_id,
        "about": asked.about,
        "field": asked.field,
        "record_ids": list(target.record_ids),
        "departments": list(target.departments),
        "to_admins": target.to_admins,
        "caller": caller.name,
        "caller_department": caller.department,
        "words": asked.text,
    }
    with changing(engine) as connection:
        if not is_made(connection, trace, REPORT):
            connection.execute(insert(report).values(**row))
        write_within(connection, trace, "reports.create", 201)
    return uuid.UUID(str(row["report_id"]))


def find(hub: Hub, caller: Caller, report_id: uuid.UUID) -> tuple[Row, Known]:
    """A report, with the sides of it that the caller has, and what he may know of that it is about.

    Raises:
        NotFound: there is none that he is told of.
    """
    with hub.read() as connection:
        found = queries.find_report(connection, caller, report_id)
    if found is None:
        raise no_such_report()
    with hub.read(caller) as connection:
        known = queries.known_of(connection, [found])[report_id]
    if not (found["is_by"] or known.tells(found)):
        raise no_such_report()
    return found | {"is_to": found["is_to"] and known.tells(found)}, known


def find_page(hub: Hub, caller: Caller, box: Box) -> Page:
    """A page of reports that the caller is told of; a short one, or an empty one, that is not the last where looking took too long.

    Reports are read past row security and records under it, each on a connection of its own: so those that he is not told of are
    passed over, a look after the other.
    """
    deadline = time.monotonic() + BUDGET_S
    found: list[tuple[Row, Known]] = []
    look = dataclasses.replace(box, limit=LOOK)
    while True:
        with hub.read() as connection:
            rows = queries.reports(connection, caller, look)
        seen = rows[:LOOK]
        with hub.read(caller) as connection:
            known = queries.known_of(connection, seen)
        found += [(row, known[row["report_id"]]) for row in seen if not box.is_in or known[row["report_id"]].tells(row)]
        if len(found) > box.limit:
            return Page(found[: box.limit], _position(found[box.limit - 1][0]))
        if len(rows) <= LOOK:
            return Page(found, None)
        reached = _position(seen[-1])
        if time.monotonic() > deadline:
            return Page(found, reached)
        look = dataclasses.replace(look, after=reached)


def _position(row: Row) -> CasePosition:
    return CasePosition(row["created_at"], row["report_id"])


def take_step(hub: Hub, caller: Caller, report_id: uuid.UUID, step: ReportStep, trace: Trace) -> None:
    """Say a word about a report, or bring it into another state; the call is written down with it.

    Raises:
        NotFound: there is none that the caller is told of.
        RequestError: its state, or the caller's side, does not allow that.
    """
    told, _ = find(hub, caller, report_id)
    with changing(hub.engine) as connection:
        if not is_made(connection, trace, NOTE):
            _take_step(connection, caller, told, step, trace)
        trace.entity_ids = [told["case_id"]]
        write_within(connection, trace, "reports.note", 201)


def _take_step(connection: Connection, caller: Caller, told: Row, step: ReportStep, trace: Trace) -> None:
    report_id = told["report_id"]
    found = queries.find_report(connection, caller, report_id, for_update=True)
    if found is None:
        raise no_such_report()
    side = _side(found | {"is_to": told["is_to"]}, step.state)
    note = {"report_id": report_id, "author": caller.name, "department": caller.department, "side": side}
    queries.add_note(connection, note | {"state": step.state, "words": step.text}, None if trace.once is None else trace.once.number)
    statement = "UPDATE ops.report SET state = coalesce(:state, state), changed_at = now() WHERE report_id = :report_id"
    connection.execute(text(statement), {"state": step.state, "report_id": report_id})


def _side(found: Row, state: str | None) -> str:
    """As which side the caller takes a step; who reports a value of his own department is both."""
    sides = [side for side, is_on in (("owner", found["is_to"]), ("reporter", found["is_by"])) if is_on]
    if state is None and found["state"] != "closed":
        return sides[-1]
    for side in sides:
        if state is not None and found["state"] in _STEPS[side].get(state, ()):
            return side
    raise RequestError(
        f"此异议现为 {found['state']}，不能如此处理 · the report is {found['state']}, which does not allow that to you",
        remedy="承办部门：taken、corrected、refused；提出人：closed、open · owners take, correct, refuse; the reporter closes, reopens",
        problem="conflict",
    )


def summary(presenter: Presenter, row: Row, known: Known) -> ReportSummary:
    """A report in a list."""
    return ReportSummary(**_summary(presenter, row, known))


def detail(presenter: Presenter, row: Row, known: Known, records: Iterable[Row], notes: Iterable[Row]) -> ReportDetail:
    """A report whole; records that who looks may not read are left out, and what departments say whose records he may not know of."""
    may = (Clearance.CLEAR, Clearance.MASKED)
    shown = {each["record_id"]: each for each in records if presenter.clearance(each) in may}
    ends = [shown[record_id] for record_id in row["record_ids"] if record_id in shown]
    is_decider = presenter.caller.is_operator and row["about"] == "link" and len(ends) == 2  # a link's two ends
    return ReportDetail(
        **_summary(presenter, row, known),
        text=row["words"],
        records=[presenter.reference(each) for each in ends],
        notes=[_note(presenter, note) for note in notes if note["side"] == "reporter" or _may_know(presenter, known, note["department"])],
        review_command=_command(ends) if is_decider else None,
    )


def _may_know(presenter: Presenter, known: Known, department: str | None) -> bool:
    return department is None or department == presenter.caller.department or department in known.departments


def _summary(presenter: Presenter, row: Row, known: Known) -> dict[str, Any]:
    kept = {name: row[name] for name in ("report_id", "state", "about", "case_id", "field", "created_at", "changed_at")}
    return kept | {
        "departments": [presenter.department(code) for code in row["departments"] if _may_know(presenter, known, code)],
        "is_for_platform": row["to_admins"],
        "reporter": row["caller"],
        "reporter_department": None if row["caller_department"] is None else presenter.department(row["caller_department"]),
    }


def _note(presenter: Presenter, row: Row) -> ReportNote:
    department = None if row["department"] is None else presenter.department(row["department"])
    return ReportNote(at=row["at"], side=row["side"], author=row["author"], department=department, state=row["state"], text=row["words"])


def _command(ends: Iterable[Row]) -> str:
    """What an administrator runs to part the two; a "no" that every later run keeps to."""
    nodes = [shlex.quote(f"{end['department']}/{end['source_record_id']}") for end in ends]
    return f"casehub review pair {' '.join(nodes)} no --relation case"


def no_such_report() -> NotFound:
    """No such report, or none of the caller's."""
    return NotFound("没有这条异议 · there is no such report", remedy="GET /v1/reports?box=in 或 out · lists those to you, or by you")


def _no_such_thing() -> NotFound:
    return NotFound(
        "没有这个案件、数值或关联 · there is no such case, value or link",
        remedy="按 GET /v1/cases/{id}?include=lineage,links 所列填写 · name it as GET /v1/cases/{id}?include=lineage,links does",
    )
