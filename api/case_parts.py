"""The parts of one case: what was asked for of a view becomes the answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from api.answers.cases import CaseDetail
from api.answers.common import Coded
from api.answers.one_case import EventAnswer, LineageAnswer, LosingValue, RuleAnswer
from api.case_entities import entities
from api.case_history import case_history
from api.case_links import case_links
from api.case_versions import record_histories
from api.case_view import CaseView, with_parties, with_values
from api.chronicle import Chronicle
from api.presenter import event
from api.queries import case as queries
from api.queries.moments import NOW
from api.queries.rows import Row
from matching.survivorship import decisive

#: Told which parties, and which other cases, the answer tells of, while it is still being made.
Noting = Callable[[Iterable[Mapping[str, Any]], Sequence[uuid.UUID]], None]

#: Parts that tell of persons.
_TELLING = {"parties", "records", "lineage", "history"}

#: By what a value lost: see `matching.survivorship.CRITERIA`.
BECAUSE = {
    "issuer": ("该项由胜出部门主管", "the department whose value won issues this field, or comes before in its order"),
    "completeness": ("不如胜出值完整", "it is masked, or says less"),
    "recency": ("不如胜出值新", "the other record was updated later"),
    "record": ("同等，按记录编号先后", "equal in all else; by the records' names"),
}


def detail(connection: Connection, view: CaseView, parts: frozenset[str], chronicle: Chronicle, note: Noting) -> CaseDetail:
    """The answer: the summary, and each part that was asked for.

    Args:
        connection: the caller's.
        view: of the case, its records alone: what the note is of is read first, so that it is written while the rest is read.
        parts: that were asked for.
        chronicle: of what the hub did.
        note: called once.
    """
    is_telling = bool(parts & _TELLING) or view.moment is not NOW  # who was in it then is told by nothing that is of now
    if is_telling:
        view = with_parties(connection, view)
    links = case_links(connection, view, chronicle) if "links" in parts else None
    moves = sorted(case_history(connection, view, chronicle), key=lambda one: one.at) if "timeline" in parts else None
    note(view.parties, [other.case_id for other in (*(moves or ()), *(links or ())) if other.case_id is not None])
    view = with_values(connection, view if is_telling else with_parties(connection, view))
    answer = _summed_up(view, chronicle)
    answer.links = links
    if moves is not None:
        told = [_event(row, view) for row in queries.events(connection, list(view.readable), view.moment)]
        answer.timeline = sorted([*told, *moves], key=lambda one: one.at)
    if "history" in parts:
        answer.history = record_histories(connection, view, chronicle)
    _tell(answer, view, parts)
    return answer


def _summed_up(view: CaseView, chronicle: Chronicle) -> CaseDetail:
    number = view.moment.number
    return CaseDetail(**view.summary(), as_of_change=None if number is None else chronicle.position(number))


def _tell(answer: CaseDetail, view: CaseView, parts: frozenset[str]) -> None:
    """The parts for which nothing more is read."""
    presenter, readable = view.presenter, view.readable
    if "records" in parts:
        answer.records = [presenter.record(row, view.names) for row in readable.values()]
    if "parties" in parts:
        answer.parties = [presenter.party(row, readable[row["record_id"]]) for row in view.parties]
        answer.entities = entities(view, answer.parties)
    if "lineage" in parts:
        shown = view.values()
        answer.lineage = [_lineage(view, field, values, shown[field]) for field, values in sorted(view.stated.items()) if field in shown]


def _event(row: Row, view: CaseView) -> EventAnswer:
    record = view.presenter.reference(view.readable[row["record_id"]])
    return EventAnswer(at=row["at"], kind=event(row["kind"]), department=record.department, source_record_id=record.source_record_id)


def _lineage(view: CaseView, field: str, values: Sequence[tuple[str, list[int]]], shown: str) -> LineageAnswer:
    (value, staters), *others = values
    presenter, rule = view.presenter, view.rule(field)
    source = presenter.reference(view.readable[staters[0]])
    issuers = [issuer for issuer in rule.issuers if " " not in issuer]  # each stands for its restricted records too

    def because(lost: str, by: Sequence[int]) -> Coded:
        code = decisive(rule, view.statement(value, staters[0]), view.statement(lost, by[0]))
        zh, en = BECAUSE[code]
        return Coded(code=code, zh=zh, en=en)

    return LineageAnswer(
        field=field,
        value=shown,
        department=source.department,
        source_record_id=source.source_record_id,
        version=source.version or 0,
        stated_by=[presenter.reference(view.readable[record_id]) for record_id in staters],
        rule=RuleAnswer(issuers=[presenter.department(code) for code in issuers], completeness=rule.completeness),
        losing=[
            LosingValue(
                value=view.shown(field, lost, by) or "",
                stated_by=[presenter.reference(view.readable[record_id]) for record_id in by],
                because=because(lost, by),
            )
            for lost, by in others
        ],
    )
