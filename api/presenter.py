"""Rows as a caller may see them: codes with their names, departments with their desks, personal values masked or clear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from api.access import Caller, Clearance, clearance
from api.answers.cases import PartyAnswer, RecordAnswer
from api.answers.common import Acknowledged, Coded, RecordRef
from api.departments import Directory
from api.masking import mask_address, mask_birth_date, mask_id_no, mask_name, mask_phone, mask_text
from schema import codes

#: Fields that hold what people wrote, and so may name persons, numbers and phones.
FREE_TEXT = frozenset({"title", "text", "reply", "address", "handling_unit"})
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
        self._directory = directory

    def clearance(self, row: Mapping[str, Any]) -> Clearance:
        """What of a record the caller may see."""
        return clearance(self.caller, row["department"], row["visibility"])

    def reads_own(self, is_own: bool) -> bool:
        """Whether a value that one of the caller's own records states is shown in the clear."""
        return is_own and self.caller.role != "engineer"

    def department(self, code: str) -> Coded:
        """A department with its names."""
        found = self._directory.get(code)
        return Coded(code=code, zh=found.zh, en=found.en)

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

    def record(self, row: Mapping[str, Any], names: Iterable[str]) -> RecordAnswer:
        """A record, masked unless it is the caller's own."""
        is_masked = self.clearance(row) is not Clearance.CLEAR
        shown = {key: value for key, value in row.items() if key in RecordAnswer.model_fields}
        if is_masked:
            shown |= {key: mask_text(shown[key], names) for key in FREE_TEXT if shown.get(key)}
        shown |= {name: coded(name, row[name]) for name in LISTS} | places(row)
        shown["department"] = self.department(row["department"])
        return RecordAnswer(**shown, is_masked=is_masked)

    def party(self, row: Mapping[str, Any], record: Mapping[str, Any]) -> PartyAnswer:
        """A party of a record, masked unless the record is the caller's own."""
        is_masked = self.clearance(record) is not Clearance.CLEAR
        shown = {key: value for key, value in row.items() if key in PartyAnswer.model_fields and value is not None}
        if "birth_date" in shown:
            shown["birth_date"] = shown["birth_date"].isoformat()
        if is_masked:
            shown |= _masked_party(shown)
        shown["department"] = self.department(record["department"])
        shown["role"] = coded("role", row["role"])
        return PartyAnswer(**shown, source_record_id=record["source_record_id"], is_masked=is_masked)


def coded(name: str, code: str | None) -> Coded | None:
    """A code of a hub list with its names; a code that the list does not know stands for itself."""
    if code is None:
        return None
    entry = codes.load(name).get(code, {})
    return Coded(code=code, zh=entry.get("zh", code), en=entry.get("en"))


def places(row: Mapping[str, Any]) -> dict[str, Coded | None]:
    """Street and community of a row with their names."""
    lists = {"street": codes.streets(), "community": codes.communities()}
    return {name: None if row[name] is None else Coded(code=row[name], zh=known.get(row[name], row[name])) for name, known in lists.items()}


def event(kind: str) -> Coded:
    """A kind of event with its names."""
    zh, en = EVENTS.get(kind, (kind, kind))
    return Coded(code=kind, zh=zh, en=en)


def _masked_party(shown: Mapping[str, Any]) -> dict[str, Any]:
    masks: dict[str, Callable[[str], str]] = {"id_no": mask_id_no, "phone": mask_phone}
    if shown["kind"] == "person":
        masks |= {"name": mask_name, "address": mask_address, "birth_date": mask_birth_date}
    return {key: mask(shown[key]) for key, mask in masks.items() if key in shown}
