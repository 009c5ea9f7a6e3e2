"""Who sees what, as a table; and which questions are understood."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from api.access import Caller, Clearance, Purpose, Role, clearance, require_endpoint
from api.policy.document import DEFAULT, read_policy
from api.questions.cases import CaseParts, CaseQuery
from hub.errors import AccessDenied


@pytest.mark.parametrize(
    ("role", "own", "visibility", "expected"),
    [
        ("clerk", "labour", "shared", Clearance.CLEAR),
        ("clerk", "labour", "restricted", Clearance.CLEAR),
        ("clerk", "labour", "sealed", Clearance.CLEAR),
        ("admin", "labour", "sealed", Clearance.CLEAR),
        ("engineer", "labour", "shared", Clearance.MASKED),
        ("clerk", "court", "shared", Clearance.MASKED),
        ("clerk", "court", "restricted", Clearance.ACKNOWLEDGED),
        ("clerk", "court", "sealed", Clearance.HIDDEN),
        ("admin", None, "shared", Clearance.MASKED),
        ("admin", None, "sealed", Clearance.HIDDEN),
        ("engineer", None, "restricted", Clearance.ACKNOWLEDGED),
        ("clerk", "court", "", Clearance.HIDDEN),
        ("clerk", "court", "Shared", Clearance.HIDDEN),
    ],
)
def test_clearance_of_a_labour_record(role: Role, own: str | None, visibility: str, expected: Clearance) -> None:
    rights = read_policy(DEFAULT).rights(own, role)
    assert clearance(Caller("x", role, own, rights, Purpose("handling", "1")), "labour", visibility) is expected
    without = clearance(Caller("x", role, own, rights), "labour", visibility)
    assert without is (Clearance.MASKED if expected is Clearance.CLEAR else expected)


def test_a_role_may_call_what_the_policy_lists() -> None:
    policy = read_policy(DEFAULT)
    require_endpoint(Caller("x", "admin", None, policy.rights(None, "admin")), "quarantine.list")
    with pytest.raises(AccessDenied, match="clerk"):
        require_endpoint(Caller("x", "clerk", "labour", policy.rights("labour", "clerk")), "quarantine.list")


@pytest.mark.parametrize(
    "fields",
    [
        {"unknown": 1},
        {"limit": 0},
        {"limit": 201},
        {"category": "nothing"},
        {"street": "440311999"},
        {"grade": ""},
        {"department": "Labour"},
        {"department": "x' OR 1=1"},
        {"reported_from": "yesterday"},
        {"reported_to": "2025-13-01"},
        {"person_id": "1"},
        {"q": "字" * 201},
        {"cursor": "a" * 201},
        {"reported_from": "0001-01-01T00:00:00+23:59"},
    ],
)
def test_what_is_not_understood_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CaseQuery(**fields)


@pytest.mark.parametrize(
    ("written", "begins", "ends"),
    [
        ("2025-01-03", (2025, 1, 2, 16), (2025, 1, 3, 16)),
        ("2025-01-03T08:00:00", (2025, 1, 3, 0), (2025, 1, 3, 0)),
        ("2025-01-03T08:00:00Z", (2025, 1, 3, 8), (2025, 1, 3, 8)),
    ],
)
def test_a_date_is_a_day_in_shanghai(written: str, begins: tuple[int, ...], ends: tuple[int, ...]) -> None:
    query = CaseQuery(reported_from=written, reported_to=written)  # type: ignore[arg-type]
    assert query.reported_from == dt.datetime(*begins, tzinfo=dt.UTC)  # type: ignore[misc]
    assert query.reported_to == dt.datetime(*ends, tzinfo=dt.UTC)  # type: ignore[misc]


def test_parts_of_a_case() -> None:
    assert CaseParts(include="records, links,").parts == {"records", "links"}
    assert CaseParts().parts == frozenset()
    with pytest.raises(ValidationError):
        CaseParts(include="records,secrets")
