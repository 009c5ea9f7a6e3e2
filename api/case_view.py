"""One case as a caller may see it, now or as the hub knew it then: which records may be read, and the best value that they state."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from api.access import Clearance
from api.case_rights import clearance_since
from api.presenter import Presenter
from api.queries import case as queries
from api.queries.moments import NOW, Moment
from matching.survivorship import FieldRule, Statement, standing
from pipeline.resolving.golden import label_of, label_rules

_SUMMARY = ("category", "status", "grade", "street", "community")
_MAY_READ = (Clearance.CLEAR, Clearance.MASKED)


@dataclass(frozen=True)
class CaseView:
    """What was read of one case, and for whom.

    Args:
        presenter: of the caller.
        case_id: of the case.
        moment: as of when.
        members: every record, closed ones too: they decide, and are not shown.
        clearances: record_id → what the caller may see of it.
        golden: every value that the case shows, with the records that state it.
        parties: of the readable records.
        is_complete: whether all records of the case are among the members.
    """

    presenter: Presenter
    case_id: uuid.UUID
    moment: Moment
    members: Sequence[Mapping[str, Any]]
    clearances: Mapping[int, Clearance]
    golden: Sequence[Mapping[str, Any]] = ()
    parties: Sequence[Mapping[str, Any]] = ()
    is_complete: bool = True
    rules: Mapping[str, FieldRule] = field(default_factory=lambda: label_rules("case"))

    @cached_property
    def readable(self) -> dict[int, Mapping[str, Any]]:
        """Records that the caller may read, by record_id."""
        return {row["record_id"]: row for row in self.members if self.clearances[row["record_id"]] in _MAY_READ}

    @cached_property
    def acknowledged(self) -> list[str]:
        """Departments of records that are only acknowledged."""
        return [row["department"] for row in self.members if self.clearances[row["record_id"]] is Clearance.ACKNOWLEDGED]

    @cached_property
    def names(self) -> list[str]:
        """Names of persons that free text of other departments may hold."""
        return sorted({row["name"] for row in self.parties if row["kind"] == "person" and row["name"]})

    @cached_property
    def stated(self) -> dict[str, list[tuple[str, list[int]]]]:
        """Field → its values that readable records state, best first, each with these records.

        They are ranked anew by what is readable: whether others state a value too must not show in an order either.
        """
        found: dict[str, dict[str, list[int]]] = {}
        for row in self.golden:
            # Whose record hides the field states nothing: beside another's value it would be told that it is the same.
            staters = [one for one in row["stated_by"] if one in self.readable and row["field"] not in self._hidden[one]]
            if staters:
                found.setdefault(row["field"], {}).setdefault(row["value"], []).extend(staters)
        return {name: self._ranked(name, values.items()) for name, values in found.items()}

    @cached_property
    def _hidden(self) -> dict[int, frozenset[str]]:
        return {record_id: self.presenter.hidden_in(row) for record_id, row in self.readable.items()}

    def _ranked(self, name: str, values: Iterable[tuple[str, list[int]]]) -> list[tuple[str, list[int]]]:
        rule = self.rule(name)

        def place(value: str, record_id: int) -> tuple[Any, ...]:
            statement = self.statement(value, record_id)
            return *standing(rule, statement), statement.record, value

        each = [(value, sorted(staters, key=lambda record_id: place(value, record_id))) for value, staters in values]
        return sorted(each, key=lambda one: place(one[0], one[1][0]))

    def rule(self, name: str) -> FieldRule:
        """How a field's value is chosen."""
        return self.rules.get(name, FieldRule())

    def statement(self, value: str, record_id: int) -> Statement:
        """A value as a readable record states it, for the rules to weigh."""
        row = self.readable[record_id]
        named = f"{row['department']}\x1f{row['source_record_id']}"
        return Statement(value, label_of(row["department"], row["visibility"]), row["updated_at"] or row["reported_at"], named)

    def shown(self, field: str, value: str, staters: Iterable[int]) -> str | None:
        """A value as the caller may see it; one that his own department states is his own."""
        is_own = any(self.presenter.is_own(self.readable[record_id]) for record_id in staters)
        return self.presenter.value(field, value, self.names, is_own=is_own)

    def values(self) -> dict[str, str]:
        """Field → the best value that a readable record states; hidden fields are left out."""
        best = {field: self.shown(field, *values[0]) for field, values in self.stated.items()}
        return {field: value for field, value in best.items() if value is not None}

    def summary(self) -> dict[str, Any]:
        """What the readable records state, best value first; never the published summary, which may be wider than they are."""
        row: dict[str, Any] = {name: self.stated[name][0][0] if name in self.stated else None for name in _SUMMARY}
        row["reported_at"] = min((each["reported_at"] for each in self.readable.values() if each["reported_at"]), default=None)
        values = self.values()
        departments = sorted({row["department"] for row in self.readable.values()})
        return self.presenter.summary(row) | {
            "case_id": self.case_id,
            "title": values.get("title"),
            "departments": [self.presenter.department(code) for code in departments],
            "record_count": len(self.readable),
            "acknowledged": self.presenter.acknowledged(self.acknowledged),
            "values": values,
            "is_complete": self.is_complete,
        }


def read_view(connection: Connection, presenter: Presenter, case_id: uuid.UUID, moment: Moment = NOW) -> CaseView | None:
    """Read a case; None where there is, or was then, none that the caller may know of."""
    view = find_view(connection, presenter, case_id, frozenset(), moment)
    return None if view is None else with_values(connection, with_parties(connection, view))


def find_view(
    connection: Connection, presenter: Presenter, case_id: uuid.UUID, parts: frozenset[str], moment: Moment = NOW
) -> CaseView | None:
    """The same without values and parties: who may know of it is told by its records."""
    found = queries.records(connection, case_id, presenter.caller.department, moment, whole="records" in parts)
    members = found[: queries.MAX_RECORDS]
    view = CaseView(
        presenter, case_id, moment, members, clearances(connection, presenter, members, moment), is_complete=len(members) == len(found)
    )
    return view if view.readable or view.acknowledged else None


def with_parties(connection: Connection, view: CaseView) -> CaseView:
    """The view with the parties of its readable records."""
    return dataclasses.replace(view, parties=queries.parties(connection, list(view.readable), view.moment))


def with_values(connection: Connection, view: CaseView) -> CaseView:
    """The view with the values that its records state."""
    return dataclasses.replace(view, golden=queries.golden_values(connection, view.case_id, view.moment))


def clearances(connection: Connection, presenter: Presenter, members: Sequence[Mapping[str, Any]], moment: Moment) -> dict[int, Clearance]:
    """What may be seen of each record: by what it says of itself, and, of an older version, by all that came after it too."""
    if moment == NOW:
        return {row["record_id"]: presenter.clearance(row) for row in members}
    versions = queries.versions(connection, [row["record_id"] for row in members])
    return clearance_since(presenter, members, versions)
