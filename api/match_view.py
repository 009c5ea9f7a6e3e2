"""The match's answer: look the records up by what the caller may read, and show of what was found what he may see."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Connection

from api.access import Treatment, treatment
from api.answers.cases import CaseSummary
from api.answers.match import CaseAnswered, CaseMatch, MatchAnswer, OrganisationMatch, PartyAnswered, PersonMatch, Step, Verdict
from api.presenter import Presenter
from api.queries import match as queries
from api.queries.rows import Row
from api.queries.shown import stated_values, summaries
from api.questions.match import MatchParty, MatchRecord
from matching.model import Model
from matching.single.identifiers import id_number
from matching.weights import explain
from pipeline.looking_up.lookup import Candidate, Known, Open, Reach, Told, look_up_all
from pipeline.looking_up.prospect import Prospect
from pipeline.looking_up.view import GRADUAL, Treated
from pipeline.resolving.models import load_model
from pipeline.resolving.promises import unique_departments

MOST_CANDIDATES = 10  # of one party or case in an answer
_RENEWED_S = 60.0  # a contract that begins or ceases to promise no duplicates counts from then on
_PARTY_FIELDS = ("kind", "role", "name", "id_no", "uscc", "phone", "address", "gender", "birth_date")
_MENTIONED = ("role", "kind", "name", "id_type", "id_no", "uscc", "phone", "gender", "birth_date")
_ID_CENTURY = ("19", 15, 18)


class Promises:
    """Departments whose contracts promise no duplicate cases within themselves, looked up once a minute."""

    def __init__(self) -> None:
        self._until = 0.0
        self._known: frozenset[str] = frozenset()

    def current(self, reading: Open) -> frozenset[str]:
        """The departments."""
        now = time.monotonic()
        if now >= self._until:
            with reading() as connection:
                self._known, self._until = unique_departments(connection), now + _RENEWED_S
        return self._known


@dataclass
class Matcher:
    """Answers questions of one caller.

    Args:
        presenter: of the caller.
        unrestricted: opens a connection that may count all mentions of a person. All callers share a few, so none is held meanwhile.
        connection: the caller's own.
        promises: of the running API.
    """

    presenter: Presenter
    unrestricted: Open
    connection: Connection
    promises: Promises
    entity_ids: list[uuid.UUID] = field(default_factory=list)  # all that were made known

    def answer(self, records: Sequence[MatchRecord]) -> list[MatchAnswer]:
        """What is known of each record."""
        told = self._told(records)
        hidden = self.presenter.caller.rights.others.hidden  # closed records that are acknowledged are always others'
        closed = queries.acknowledged(self.connection, [each for each in _numbers(records) if each[1] not in hidden])
        case_ids = [one.entity for each in told for one in each.case[:MOST_CANDIDATES]]
        cases = self._cases(list(dict.fromkeys(case_ids)))
        answers, place = [], 0
        for record, each in zip(records, told, strict=True):
            parties = [self._party(known, closed.get(place + number, ())) for number, known in enumerate(each.parties)]
            place += len(record.parties)
            case = self._case(each.case, cases, closed.get(place, ())) if record.has_case else None
            answers.append(MatchAnswer(parties=parties, case=case))
            place += 1
        return answers

    def _told(self, records: Sequence[MatchRecord]) -> list[Told]:
        own = self.presenter.caller.department
        prospects = [Prospect(_values(record, own), [_columns(party) for party in record.parties]) for record in records]
        reach = Reach(self.connection, queries.COMPARED, own, self._treated(is_own=True), self._treated(is_own=False))
        return look_up_all(self.unrestricted, reach, prospects, self.promises.current(self.unrestricted))

    def _treated(self, *, is_own: bool) -> Treated:
        """How fields of the caller's own department's records, or of others', are shown to him."""
        caller = self.presenter.caller
        rule = caller.rights.own if is_own else caller.rights.others
        return Treated(rule.hidden, frozenset(name for name in GRADUAL if treatment(caller, is_own, name) is Treatment.MASKED))

    def _party(self, known: Known, closed: Iterable[str]) -> PartyAnswered:
        candidates = [self._entity(one) for one in known[:MOST_CANDIDATES]]
        return PartyAnswered(answer=_verdict(known), candidates=candidates, acknowledged=self.presenter.acknowledged(closed))

    def _entity(self, one: Candidate) -> PersonMatch | OrganisationMatch:
        entity = self._made_known(one)
        kind = one.node["kind"]
        mention = {name: one.node[name] for name in _MENTIONED} | {"address": one.node["own_address"], f"{kind}_id": entity}
        shown = {**_weighed(one, load_model(kind)), "compared_with": self.presenter.party(mention, one.node)}
        if kind == "person":
            return PersonMatch(person_id=entity, **shown)
        return OrganisationMatch(organisation_id=entity, **shown)

    def _case(self, known: Known, cases: Mapping[str, CaseSummary], closed: Iterable[str]) -> CaseAnswered:
        model = load_model("case")
        shown = [one for one in known[:MOST_CANDIDATES] if one.entity in cases]
        for one in shown:
            self._made_known(one)
        candidates = [
            CaseMatch(compared_with=self.presenter.reference(one.node), case=cases[one.entity], **_weighed(one, model)) for one in shown
        ]
        return CaseAnswered(answer=_verdict(known), candidates=candidates, acknowledged=self.presenter.acknowledged(closed))

    def _made_known(self, one: Candidate) -> uuid.UUID:
        entity = uuid.UUID(one.entity)
        self.entity_ids.append(entity)
        return entity

    def _cases(self, case_ids: Sequence[str]) -> dict[str, CaseSummary]:
        around = summaries(self.connection, case_ids)
        return {case_id: self._summary(row) for case_id, row in around.items()}

    def _summary(self, row: Row) -> CaseSummary:
        """A case by what its readable records state, whatever is published of it."""
        return CaseSummary(**self.presenter.case(row), **self.presenter.summary(stated_values(row) | {"reported_at": row["reported_at"]}))


def _values(record: MatchRecord, own: str | None) -> dict[str, Any]:
    """Columns of the record; of one that tells no case its department and address alone, so that none is looked for."""
    values = record.values(own)
    return values if record.has_case else {"department": values["department"]}


def _columns(party: MatchParty) -> dict[str, Any]:
    return {name: getattr(party, name) for name in _PARTY_FIELDS} | {"role": party.role or "third_party"}


def _numbers(records: Sequence[MatchRecord]) -> Iterable[tuple[int, str, str]]:
    """(place, field, value) of every number given: a place for each party, and after a record's parties one for itself."""
    place = 0
    for record in records:
        for party in record.parties:
            yield from ((place, name, value) for name in ("phone", "uscc") if (value := getattr(party, name)) is not None)
            yield from ((place, "id_no", number) for number in _id_forms(party.id_no))
            place += 1
        cited = [reference.number for reference in record.references]
        yield from ((place, "number", number) for number in dict.fromkeys((record.case_number, *cited)) if number is not None)
        place += 1


def _id_forms(number: str | None) -> list[str]:
    """A resident's number in both lengths."""
    if number is None:
        return []
    century, short, long = _ID_CENTURY
    if len(number) == long and number[6:8] == century:
        return [number, number[:6] + number[8:-1]]
    if len(number) == short:
        full = id_number(number, frozenset())["id_no"]
        return list(dict.fromkeys((number, full or number)))
    return [number]


def _weighed(one: Candidate, model: Model) -> dict[str, Any]:
    steps = explain(one.levels, model)
    levels = [Step(comparison=name, level=one.levels.get(name), bits=bits) for name, bits in steps.items()]
    return {"answer": one.answer, "match_weight": one.match_weight, "levels": levels}


def _verdict(known: Known) -> Verdict:
    return cast(Verdict, known[0].answer) if known else "none"
