"""One case as a caller may see it: the best readable value of each field, where it comes from, and the parts asked for."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from api.access import Clearance
from api.answers.cases import CaseDetail, EventAnswer, LineageAnswer, LinkAnswer, LosingValue
from api.presenter import Presenter, event
from api.queries import case as queries
from api.queries.rows import Row

_SUMMARY = ("category", "status", "grade", "street", "community")


@dataclass(frozen=True)
class CaseView:
    """What was read of one case, and for whom."""

    presenter: Presenter
    case: Mapping[str, Any]
    members: Sequence[Mapping[str, Any]]  # every current record, closed ones too: they decide, and are not shown
    golden: Sequence[Mapping[str, Any]]
    parties: Sequence[Mapping[str, Any]]
    is_complete: bool

    @cached_property
    def readable(self) -> dict[int, Mapping[str, Any]]:
        """Records that the caller may read, by record_id."""
        may = (Clearance.CLEAR, Clearance.MASKED)
        return {row["record_id"]: row for row in self.members if self.presenter.clearance(row) in may}

    @cached_property
    def acknowledged(self) -> list[str]:
        """Departments of records that are only acknowledged."""
        return [row["department"] for row in self.members if self.presenter.clearance(row) is Clearance.ACKNOWLEDGED]

    @cached_property
    def names(self) -> list[str]:
        """Names of persons that free text of other departments may hold."""
        return sorted({row["name"] for row in self.parties if row["kind"] == "person" and row["name"]})

    @cached_property
    def stated(self) -> dict[str, list[tuple[str, list[int]]]]:
        """Field → its values that readable records state, best first, each with these records."""
        found: dict[str, list[tuple[str, list[int]]]] = {}
        for row in self.golden:
            staters = [record_id for record_id in row["stated_by"] if record_id in self.readable]
            if staters:
                found.setdefault(row["field"], []).append((row["value"], staters))
        return found

    def shown(self, field: str, value: str, staters: Iterable[int]) -> str | None:
        """A value as the caller may see it; one that his own department states is his own."""
        is_own = any(self.presenter.is_own(self.readable[record_id]) for record_id in staters)
        return self.presenter.value(field, value, self.names, is_own=is_own)

    def values(self) -> dict[str, str]:
        """Field → the best value that a readable record states; hidden fields are left out."""
        best = {field: self.shown(field, *values[0]) for field, values in self.stated.items()}
        return {field: value for field, value in best.items() if value is not None}

    def summary(self) -> dict[str, Any]:
        """The published summary if every record is shared, else one made of what readable records state."""
        row: dict[str, Any] = dict(self.case)
        if any(member["visibility"] != "shared" for member in self.members):
            row = {name: self.stated[name][0][0] if name in self.stated else None for name in _SUMMARY}
            row["reported_at"] = min((each["reported_at"] for each in self.readable.values() if each["reported_at"]), default=None)
        values = self.values()
        departments = sorted({row["department"] for row in self.readable.values()})
        return self.presenter.summary(row) | {
            "case_id": self.case["case_id"],
            "title": values.get("title"),
            "departments": [self.presenter.department(code) for code in departments],
            "record_count": len(self.readable),
            "acknowledged": self.presenter.acknowledged(self.acknowledged),
            "values": values,
        }

    def lineage(self) -> list[LineageAnswer]:
        """Where each value comes from, and the values that lost."""
        shown = self.values()
        return [self._lineage(field, values, shown[field]) for field, values in sorted(self.stated.items()) if field in shown]

    def _lineage(self, field: str, values: Sequence[tuple[str, list[int]]], shown: str) -> LineageAnswer:
        (_, staters), *others = values
        source = self.presenter.reference(self.readable[staters[0]])
        return LineageAnswer(
            field=field,
            value=shown,
            department=source.department,
            source_record_id=source.source_record_id,
            version=source.version or 0,
            stated_by=[self.presenter.reference(self.readable[record_id]) for record_id in staters],
            losing=[
                LosingValue(
                    value=self.shown(field, lost, by) or "",
                    stated_by=[self.presenter.reference(self.readable[record_id]) for record_id in by],
                )
                for lost, by in others
            ],
        )


def read_view(connection: Connection, presenter: Presenter, case_id: uuid.UUID, parts: frozenset[str]) -> CaseView | None:
    """Read a case; None where there is none that the caller may know of."""
    found = queries.find_case(connection, case_id)
    if found is None:
        return None
    members = queries.records(connection, case_id, presenter.caller.department, whole="records" in parts)
    is_complete = len(members) <= queries.MAX_RECORDS
    view = CaseView(presenter, found, members[: queries.MAX_RECORDS], queries.golden_values(connection, case_id), (), is_complete)
    if not view.readable and not view.acknowledged:
        return None
    return dataclasses.replace(view, parties=queries.parties(connection, list(view.readable)))


def detail(connection: Connection, view: CaseView, parts: frozenset[str]) -> CaseDetail:
    """The answer: the summary, and each part that was asked for."""
    presenter, readable = view.presenter, view.readable
    answer = CaseDetail(**view.summary(), is_complete=view.is_complete)
    if "records" in parts:
        answer.records = [presenter.record(row, view.names) for row in readable.values()]
    if "parties" in parts:
        answer.parties = [presenter.party(row, readable[row["record_id"]]) for row in view.parties]
    if "timeline" in parts:
        answer.timeline = [_event(row, view) for row in queries.events(connection, list(readable))]
    if "lineage" in parts:
        answer.lineage = view.lineage()
    if "links" in parts:
        answer.links = [_link(row, view) for row in queries.links(connection, list(readable))]
    return answer


def _event(row: Row, view: CaseView) -> EventAnswer:
    record = view.presenter.reference(view.readable[row["record_id"]])
    return EventAnswer(at=row["at"], kind=event(row["kind"]), department=record.department, source_record_id=record.source_record_id)


def _link(row: Row, view: CaseView) -> LinkAnswer:
    ends = {end: view.presenter.reference(view.readable[row[f"{end}_id"]]) for end in ("left", "right")}
    kept = {key: row[key] for key in ("decision", "match_weight", "levels", "model_version", "decided_by")}
    return LinkAnswer(left=ends["left"], right=ends["right"], **kept)
