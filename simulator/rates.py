"""How often what happens in the simulated world: `rates.yml` as dataclasses.

The file is the reference: each rate stands there with what it is a share of.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hub.errors import SettingsError

_FILE = Path(__file__).parent / "rates.yml"


@dataclass(frozen=True)
class CaseRates:
    """How cases come about; see `cases` in rates.yml."""

    records_per_case: list[float]
    same_department_again: float
    collective: float
    collective_most: int
    joint: float
    spouse_files: float
    other_member_files: float
    two_disputes: float
    same_respondent_again: float
    professional: float
    professional_cases: int
    organisation_petitions: float
    second_respondent: float
    large_share: float
    large_size: int
    disputes_per_organisation: float
    juvenile: float


@dataclass(frozen=True)
class PeopleRates:
    """Who the people are to one another; see `people` in rates.yml."""

    twins: float
    father_son: float
    same_name_street: float
    shared_phone: float
    family_phone: float
    second_phone: float
    moved_house: float
    former_home_kept: float
    married_name: float
    single_given: float
    couple_address: float


@dataclass(frozen=True)
class OrganisationRates:
    """How firms relate; see `organisations` in rates.yml."""

    same_stem: float
    branch: float
    renamed: float


@dataclass(frozen=True)
class NameRates:
    """What becomes of a person's name; see `names` in rates.yml."""

    homophone: float
    look_alike: float
    traditional: float
    typo: float
    former: float


@dataclass(frozen=True)
class IdentityRates:
    """What becomes of numbers; see `identity` in rates.yml."""

    id15: float
    lower_x: float
    one_digit_off: float
    phone_one_off: float
    phone_placeholder: float
    phone_reception: float
    phone_second: float
    phone_insisted: float
    anonymous_phone: float
    opponent_known: float
    birth_off: float
    gender_wrong: float
    uscc_one_off: float


@dataclass(frozen=True)
class OrganisationNameRates:
    """How a firm is called; see `organisations_named` in rates.yml."""

    short: float
    stem: float
    no_region: float
    no_form: float
    typo: float


@dataclass(frozen=True)
class AddressRates:
    """What an address leaves out; see `addresses` in rates.yml."""

    no_province: float
    no_city: float
    no_street: float
    no_community: float
    no_road: float
    no_room: float
    no_building: float
    other_order: float
    other_words: float


@dataclass(frozen=True)
class RecordRates:
    """What becomes of a record; see `records` in rates.yml."""

    wrong_category: float
    date_shift: float
    date_rough: float
    occurred_missing: float
    amount_missing: float
    amount_rough: float
    amount_other: float
    no_respondent: float
    text_typo: float
    fact_dropped: float
    place_rough: float
    community_missing: float
    coordinate_metres: float
    coordinate_wild: float
    reference: float
    court_cites_award: float
    reference_in_text: float
    reference_typo: float
    agent: float


@dataclass(frozen=True)
class ChangeRates:
    """What happens after the first pull; see `changes` in rates.yml."""

    new: float
    late: float
    late_within_lag: float
    update: float
    revert: float
    delete: float
    resend: float


@dataclass(frozen=True)
class DepartmentRates:
    """What one department's records carry; see `departments` in rates.yml."""

    id: float
    phone: float
    address: float
    birth: float
    care: float
    anonymous: float
    masked: float
    coordinates: float
    nameless: float
    uscc: float
    listed: int
    id15: float = 1.0
    lower_x: float = 1.0


@dataclass(frozen=True)
class Rates:
    """All rates of a world."""

    cases: CaseRates
    people: PeopleRates
    organisations: OrganisationRates
    names: NameRates
    identity: IdentityRates
    organisations_named: OrganisationNameRates
    addresses: AddressRates
    records: RecordRates
    changes: ChangeRates
    departments: dict[str, DepartmentRates]

    @property
    def department_codes(self) -> list[str]:
        """The sixteen, in the file's order: a department's place in it is its number in the world's arrays."""
        return list(self.departments)


_SECTIONS: dict[str, type[Any]] = {
    "cases": CaseRates,
    "people": PeopleRates,
    "organisations": OrganisationRates,
    "names": NameRates,
    "identity": IdentityRates,
    "organisations_named": OrganisationNameRates,
    "addresses": AddressRates,
    "records": RecordRates,
    "changes": ChangeRates,
}


def read_rates(document: dict[str, Any]) -> Rates:
    """Rates from the parsed file; an unknown or missing name is refused.

    Raises:
        SettingsError: a section or a rate is unknown or missing.
    """
    if set(document) != {field.name for field in fields(Rates)}:
        raise SettingsError(
            "the rates of the simulated world lack a section or have one too many", remedy="compare with simulator/rates.yml"
        )
    try:
        sections = {name: build(**document[name]) for name, build in _SECTIONS.items()}
        departments = {code: DepartmentRates(**entry) for code, entry in document["departments"].items()}
    except TypeError as error:
        raise SettingsError(f"the rates of the simulated world: {error}", remedy="compare with simulator/rates.yml") from error
    return Rates(**sections, departments=departments)


@cache
def load_rates() -> Rates:
    """The rates as simulator/rates.yml states them."""
    return read_rates(yaml.load(_FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))  # CSafeLoader builds plain data only
