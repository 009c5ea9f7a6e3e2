"""Rows as a caller may see them: codes with their names, departments with their desks, personal values masked or clear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from api.access import FREE_TEXT, PERSONAL, Caller, Clearance, Treatment, clearance, treatment
from api.answers.cases import PartyAnswer, RecordAnswer
from api.answers.common import Acknowledged, Coded, RecordRef
from api.departments import Directory
from api.masking import mask_address
from schema import codes

LISTS = ("category", "status", "grade", "channel")
EVENTS = {
    "occurred": ("发生", "occurred"),
    "reported": ("登记", "reported"),
    "found": ("发现", "found"),
    "accepted": ("受理", "accepted"),
    "ordered": ("发令", "ordered by the community"),
    "reported_in": ("报到", "department reported in"),
    "resolved": ("化解", "resolved"),
    "confirmed": ("确认", "confirmed"),
    "fed_back": ("反馈", "fed back"),
}


class Presenter:
    """Shows one caller what that caller may see."""

    def __init__(self, caller: Caller, directory: Directory) -> None:
        self.caller = caller
        self.masks = caller.rights.masks
        self._directory = directory

    def clearance(self, row: Mapping[str, Any]) -> Clearance:
        """What of a record the caller may see."""
        return clearance(self.caller, row["department"], row["visibility"])

    def is_own(self, row: Mapping[str, Any]) -> bool:
        """Whether a record is the caller's own department's."""
        return self.caller.department is not None and row["department"] == self.caller.department

    def hidden_in(self, row: Mapping[str, Any]) -> frozenset[str]:
        """Fields of a record that are not shown to the caller."""
        rights = self.caller.rights
        return (rights.own if self.is_own(row) else rights.others).hidden

    def value(self, field: str, value: str, names: Iterable[str], *, is_own: bool) -> str | None:
        """A field of a case or record as the caller may see it: clear, masked, or not at all."""
        how = treatment(self.caller, is_own, field)
        if how is Treatment.MASKED and field in PERSONAL:
            return self.masks.of(field, value, names)
        return None if how is Treatment.HIDDEN else value

    def department(self, code: str) -> Coded:
        """A department with its names."""
        found = self._directory.get(code)
        return _named(code, found.zh, found.en)

    def acknowledged(self, codes_: Iterable[str]) -> list[Acknowledged]:
        """Departments that hold a record and are to be asked."""
        found = [self._directory.get(code) for code in sorted(set(codes_))]
        return [Acknowledged(department=self.department(each.code), desk=each.desk, contact=each.contact) for each in found]

    def reference(self, row: Mapping[str, Any]) -> RecordRef:
        """A record by its department's own id."""
        return RecordRef(department=self.department(row["department"]), source_record_id=row["source_record_id"], version=row["version"])

    def summary(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Category, status, grade, street and community of a row, coded, and its time."""
        found: dict[str, Any] = {name: coded(name, row[name]) for name in ("category", "status", "grade")}
        return found | places(row) | {"reported_at": row["reported_at"]}

    def title(self, case: Mapping[str, Any]) -> str | None:
        """The title of a case, of what its readable records come to (`api.queries.shown.summaries`)."""
        stated = case["best"].get("title")
        return None if stated is None else self.value("title", stated.value, case["names"] or (), is_own=stated.is_own)

    def case(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """The title of a case, its records and departments, and who else is to be asked, of the same."""
        return {
            "case_id": case["case_id"],
            "title": self.title(case),
            "departments": [self.department(code) for code in case["departments"] or ()],
            "record_count": case["records"],
            "acknowledged": self.acknowledged(case["acknowledged"] or ()),
        }

    def record(self, row: Mapping[str, Any], names: Iterable[str]) -> RecordAnswer:
        """A record, masked unless it is the caller's own and he says what for."""
        own, hidden = self.is_own(row), self._hidden(row)
        shown = {key: value for key, value in row.items() if key in RecordAnswer.model_fields}
        shown |= {key: self.value(key, shown[key], names, is_own=own) for key in FREE_TEXT if shown.get(key)}
        shown |= {name: coded(name, row[name]) for name in LISTS} | places(row) | dict.fromkeys(hidden)
        shown |= {key: row[key] for key in ("source_record_id", "version")} | {"department": self.department(row["department"])}
        return RecordAnswer(**shown, is_masked=self.clearance(row) is not Clearance.CLEAR)

    def _hidden(self, record: Mapping[str, Any]) -> frozenset[str]:
        return (self.caller.rights.own if self.is_own(record) else self.caller.rights.others).hidden

    def party(self, row: Mapping[str, Any], record: Mapping[str, Any]) -> PartyAnswer:
        """A party of a record, masked unless the record is the caller's own and he says what for."""
        own, hidden = self.is_own(record), self._hidden(record)
        is_masked = self.clearance(record) is not Clearance.CLEAR
        shown = {key: value for key, value in row.items() if key in PartyAnswer.model_fields and value is not None and key not in hidden}
        if "birth_date" in shown:
            shown["birth_date"] = shown["birth_date"].isoformat()
        for field in _masked_fields(row["kind"]) & shown.keys():
            if treatment(self.caller, own, field) is Treatment.MASKED:
                shown[field] = mask_address(shown[field]) if field == "address" else self.masks.of(field, shown[field])
        shown["department"] = self.department(record["department"])
        shown["role"] = coded("role", row["role"])
        return PartyAnswer(**shown, source_record_id=record["source_record_id"], is_masked=is_masked)


def coded(name: str, code: str | None) -> Coded | None:
    """A code of a hub list with its names; a code that the list does not know stands for itself."""
    if code is None:
        return None
    entry = codes.load(name).get(code, {})
    return _named(code, entry.get("zh", code), entry.get("en"))


@lru_cache(4_096)
def _named(code: str, zh: str, en: str | None = None) -> Coded:
    """A code with its names: a page tells the same few over and over."""
    return Coded(code=code, zh=zh, en=en)


def places(row: Mapping[str, Any]) -> dict[str, Coded | None]:
    """Street and community of a row with their names."""
    lists = {"street": codes.streets(), "community": codes.communities()}
    return {name: None if row[name] is None else _named(row[name], known.get(row[name], row[name])) for name, known in lists.items()}


def event(kind: str) -> Coded:
    """A kind of event with its names."""
    zh, en = EVENTS.get(kind, (kind, kind))
    return _named(kind, zh, en)


def _masked_fields(kind: str) -> frozenset[str]:
    """Fields of a party that have masks; what a firm is called and where it sits is no secret."""
    return frozenset({"id_no", "phone"} if kind == "organisation" else {"id_no", "phone", "name", "address", "birth_date"})
