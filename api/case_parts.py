"""The parts of one case: what was asked for of a view becomes the answer."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from api.answers.cases import CaseDetail
from api.answers.common import Coded
from api.answers.one_case import EventAnswer, LineageAnswer, LosingValue, RuleAnswer
from api.case_entities import entities
from api.case_history import case_history
from api.case_links import case_links
from api.case_versions import record_histories
from api.case_view import CaseView
from api.chronicle import Chronicle
from api.presenter import event
from api.queries import case as queries
from api.queries.rows import Row
from matching.survivorship import decisive

#: By what a value lost: see `matching.survivorship.CRITERIA`.
BECAUSE = {
    "issuer": ("该项由胜出部门主管", "the department whose value won issues this field, or comes before in its order"),
    "completeness": ("不如胜出值完整", "it is masked, or says less"),
    "recency": ("不如胜出值新", "the other record was updated later"),
    "record": ("同等，按记录编号先后", "equal in all else; by the records' names"),
}


def detail(connection: Connection, view: CaseView, parts: frozenset[str], chronicle: Chronicle) -> CaseDetail:
    """The answer: the summary, and each part that was asked for."""
    presenter, readable = view.presenter, view.readable
    number = view.moment.number
    answer = CaseDetail(**view.summary(), as_of_change=None if number is None else chronicle.position(number))
    if "records" in parts:
        answer.records = [presenter.record(row, view.names) for row in readable.values()]
    if "parties" in parts:
        answer.parties = [presenter.party(row, readable[row["record_id"]]) for row in view.parties]
        answer.entities = entities(view, answer.parties)
    if "timeline" in parts:
        told = [_event(row, view) for row in queries.events(connection, list(readable), view.moment)]
        answer.timeline = sorted([*told, *case_history(connection, view, chronicle)], key=lambda one: one.at)
    if "lineage" in parts:
        shown = view.values()
        answer.lineage = [_lineage(view, field, values, shown[field]) for field, values in sorted(view.stated.items()) if field in shown]
    if "links" in parts:
        answer.links = case_links(connection, view, chronicle)
    if "history" in parts:
        answer.history = record_histories(connection, view, chronicle)
    return answer


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
