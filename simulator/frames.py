"""The world's frames, from the columns it was made in."""

from __future__ import annotations

import numpy as np
import polars as pl

from simulator.columns import Flags, Floats, Ints, Notes, Random, blank, chance, pick, strings
from simulator.disputes import Cases, categories
from simulator.filings import CHANNELS, GRADES, STATUS, Filings, times
from simulator.mentions import by_department
from simulator.numbering import cite_records, cited_numbers, number_records, reference_lists
from simulator.organisations import Organisations, organisation_kinds
from simulator.parties import Scene, incident_address, other_side
from simulator.places import Places, in_full, move, spell
from simulator.population import RELATIONS, Persons
from simulator.speech import Telling, cite, tell

_MINOR_DAYS = 18 * 365.2425
_MONEY = pl.Float64


def persons(places: Places, made: Persons) -> pl.DataFrame:
    """One row a person, as they are."""
    people = made.people
    count = len(people.birth)
    moved = people.moved > 0
    return pl.DataFrame(
        {
            "person_truth_id": np.arange(count),
            "name": made.name,
            "other_name": made.other_name,
            "gender": pick(strings(["female", "male"]), people.is_male),
            "birth_date": pl.Series(people.birth).cast(pl.Date),
            "id_no": made.id_no,
            "phone": made.phone,
            "second_phone": made.second_phone,
            "address": spell(places, people.home, in_full(count)),
            "former_address": blank(spell(places, people.former_home, in_full(count)), moved),
            "moved_at": times(np.where(moved, people.moved, -1)),
            "relation": pick(strings(RELATIONS), people.relation),
            "partner_truth_id": blank(pl.Series(people.partner), people.partner >= 0),
        }
    )


def organisations(places: Places, made: Organisations) -> pl.DataFrame:
    """One row an organisation, as it is."""
    count = len(made.kind)
    return pl.DataFrame(
        {
            "organisation_truth_id": np.arange(count),
            "name": made.name,
            "short_name": made.short_name,
            "former_name": made.former_name,
            "uscc": made.uscc,
            "phone": made.phone,
            "address": spell(places, made.seat, in_full(count)),
            "stem": made.stem,
            "industry": made.industry,
            "kind": pick(strings(organisation_kinds()), made.kind),
            "stem_group": blank(pl.Series(made.stem_group), made.stem_group >= 0),
            "parent_truth_id": blank(pl.Series(made.parent), made.parent >= 0),
        }
    )


def cases(places: Places, made: Cases) -> pl.DataFrame:
    """One row a case, as it is."""
    facts, sides, plan = made.facts, made.sides, made.plan
    count = len(plan.category)
    before = np.full(count, -1, dtype=np.int64)
    before[plan.again] = plan.before
    place = facts.address.place
    return pl.DataFrame(
        {
            "case_truth_id": np.arange(count),
            "kind": pick(strings(list(categories())), plan.category),
            "occurred_at": times(facts.occurred),
            "street": pick(places.street_codes, places.street[place]),
            "community": pick(places.community_codes, places.community[place]),
            "address": spell(places, facts.address, in_full(count)),
            "longitude": np.round(facts.longitude, 6),
            "latitude": np.round(facts.latitude, 6),
            "amount": _money(facts.amount),
            "people_involved": pl.Series(facts.people, dtype=pl.Int32),
            "petitioners": pl.Series(plan.members, dtype=pl.Int32),
            "records": pl.Series(plan.size, dtype=pl.Int32),
            "form": pick(strings(["sole", "joint", "spouse", "collective"]), plan.form),
            "petitioner_truth_id": sides.member[sides.first_member],
            "respondent_truth_id": blank(pl.Series(sides.respondent), sides.respondent >= 0),
            "opponent_truth_id": blank(pl.Series(sides.opponent), sides.opponent >= 0),
            "earlier_case_truth_id": blank(pl.Series(before), before >= 0),
        }
    )


def records(rng: Random, scene: Scene, parties: pl.DataFrame) -> pl.DataFrame:
    """One row a record, as its department keeps it."""
    filings, rates, places = scene.filings, scene.rates, scene.places
    count, notes = len(filings.case), filings.notes
    number = number_records(rates, filings)
    citations = cite_records(rng, rates, filings, number, notes)
    rough = chance(rng, rates.records.place_rough, count)
    notes.add("place_rough", rough)
    telling = Telling(rates, places, scene.company.cases, filings, rough, other_side(parties, count))
    title, text = tell(rng, telling, notes)
    text = cite(rng, text, *cited_numbers(citations, count))
    return pl.DataFrame(
        {
            "row": np.arange(count),
            "department": pick(strings(rates.department_codes), filings.department),
            "source_record_id": number,
            "case_truth_id": filings.case,
            "category": pick(strings(list(categories())), filings.category),
            "title": title,
            "text": text,
            **_stages(filings),
            "status": pick(strings(STATUS), filings.status),
            "grade": pick(strings(GRADES), filings.grade),
            "channel": pick(strings(CHANNELS), filings.channel),
            "amount": _money(filings.amount),
            "people_involved": pl.Series(filings.people, dtype=pl.Int32),
            **_place(rng, scene, rough, notes),
            "is_anonymous": scene.mentions.anonymous_records,
            "is_juvenile": _juvenile(scene),
            "references": reference_lists(rates, citations, count),
            "noise": notes.lists(count),
            "tick": pl.Series(filings.tick, dtype=pl.Int32),
            "is_late": filings.is_late,
        }
    )


def _place(rng: Random, scene: Scene, rough: Flags, notes: Notes) -> dict[str, pl.Series]:
    """Where it happened, in words, codes and coordinates."""
    places = scene.places
    address = scene.company.cases.facts.address.take(scene.filings.case)
    coded = rough | ~chance(rng, scene.rates.records.community_missing, len(rough))
    longitude, latitude = _coordinates(rng, scene, notes)
    return {
        "address": incident_address(rng, scene, address, rough),
        "street": pick(places.street_codes, places.street[address.place]),
        "community": blank(pick(places.community_codes, places.community[address.place]), coded),
        "longitude": longitude,
        "latitude": latitude,
    }


def _stages(filings: Filings) -> dict[str, pl.Series]:
    columns = ("occurred", "reported", "accepted", "resolved", "confirmed", "fed_back", "updated")
    return {f"{name}_at": times(getattr(filings, name)) for name in columns}


def _money(amount: Floats) -> pl.Series:
    return pl.select(pl.Series(np.round(amount, 2), dtype=_MONEY).fill_nan(None)).to_series()


def _coordinates(rng: Random, scene: Scene, notes: Notes) -> tuple[pl.Series, pl.Series]:
    """Where the reporter's telephone says it was, at departments that ask it."""
    filings, facts, share = scene.filings, scene.company.cases.facts, scene.rates.records
    count = len(filings.case)
    given = chance(rng, by_department(scene.rates, "coordinates", filings.department), count)
    wild: Flags = given & chance(rng, share.coordinate_wild, count)
    notes.add("coordinate_wild", wild)
    spread = np.where(wild, 1500.0, share.coordinate_metres)
    longitude, latitude = move(rng, facts.longitude[filings.case], facts.latitude[filings.case], spread)
    return blank(pl.Series(longitude), given), blank(pl.Series(latitude), given)


def _juvenile(scene: Scene) -> Flags:
    """Records that name somebody under eighteen."""
    people, mentions = scene.company.persons.people, scene.mentions
    rows = np.flatnonzero(mentions.kind == 0)
    record: Ints = mentions.record[rows]
    age_days = scene.filings.reported[record] / 86_400 - people.birth[mentions.entity[rows]]
    flags = np.zeros(len(scene.filings.case), dtype=np.bool_)
    flags[record[age_days < _MINOR_DAYS]] = True
    return flags
