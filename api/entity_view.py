"""One person or firm as a caller may see it: mentions of readable records, masked as these are, and its cases."""

from __future__ import annotations

import uuid
from typing import TypeVar

from sqlalchemy import Connection

from api.answers.cases import CaseSummary
from api.answers.entities import Mention, OrganisationAnswer, PersonAnswer
from api.presenter import Presenter
from api.queries import entity as queries
from api.queries.case import POLICY
from api.queries.rows import Row
from api.questions.cases import CaseQuery
from api.search_view import search
from schema.states import PartyKind

MAX_CASES = 200

Answer = TypeVar("Answer", PersonAnswer, OrganisationAnswer)


def read_person(connection: Connection, presenter: Presenter, person_id: uuid.UUID) -> PersonAnswer | None:
    """A person; None where there is none that the caller may know of."""
    return _read(connection, presenter, "person", person_id, PersonAnswer)


def read_organisation(connection: Connection, presenter: Presenter, organisation_id: uuid.UUID) -> OrganisationAnswer | None:
    """A firm; None where there is none that the caller may know of."""
    return _read(connection, presenter, "organisation", organisation_id, OrganisationAnswer)


def became(connection: Connection, presenter: Presenter, relation: PartyKind, entity_id: uuid.UUID) -> uuid.UUID | None:
    """What a merged person or firm is now, if the caller may know of it."""
    for target in queries.became(connection, relation, entity_id):
        is_known = queries.mentions(connection, relation, target, presenter.caller.department)
        if is_known or queries.acknowledged(connection, relation, target):
            return target
    return None


def _read(connection: Connection, presenter: Presenter, relation: PartyKind, entity_id: uuid.UUID, kind: type[Answer]) -> Answer | None:
    rows = queries.mentions(connection, relation, entity_id, presenter.caller.department)
    asked = queries.acknowledged(connection, relation, entity_id)
    if not rows and not asked:
        return None
    mentions = [_mention(presenter, row) for row in rows[: queries.MAX_MENTIONS]]
    page = search(connection, presenter, CaseQuery.model_validate({f"{relation}_id": entity_id, "limit": MAX_CASES}))
    fullest = sorted(mentions, key=lambda mention: (mention.is_masked, -len(mention.name or "")))
    names = list(dict.fromkeys(mention.name for mention in fullest if mention.name))
    departments = {mention.department.code: mention.department for mention in mentions}
    return kind.model_validate(
        {
            f"{relation}_id": entity_id,
            "name": names[0] if names else None,
            "other_names": names[1:],
            "departments": [departments[code] for code in sorted(departments)],
            "mentions": mentions,
            "is_complete": len(rows) == len(mentions) and page.next_cursor is None,
            "acknowledged": presenter.acknowledged(asked),
            "cases": [CaseSummary.model_validate(item.model_dump(include=set(CaseSummary.model_fields))) for item in page.items],
        }
    )


def _mention(presenter: Presenter, row: Row) -> Mention:
    record = {name: row[f"record_{name}"] for name in POLICY}
    return Mention(case_id=row["case_id"], **presenter.party(row, record).model_dump())
