"""The simulated world: persons, organisations, cases, the records of sixteen departments about them, what changes later, and the truth.

`build_world(records, seed)` gives the same frames for the same arguments. Nothing in it is real: names, numbers and addresses are made
up, and their check digits hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from simulator import frames, truth
from simulator.cast import cast
from simulator.changes import change, set_late
from simulator.disputes import outline
from simulator.filings import NOW, file_records
from simulator.mentions import mention
from simulator.parties import Scene, write_parties
from simulator.places import build_places
from simulator.rates import Rates, load_rates

#: As many as the sixteen departments of the district brought together in the article the model setting comes from.
DEFAULT_RECORDS = 1_232


@dataclass(frozen=True)
class World:
    """A world, as frames.

    Args:
        persons: one row a person: person_truth_id, name, other_name, gender, birth_date, id_no, phone, second_phone, address,
            former_address, moved_at, relation, partner_truth_id.
        organisations: one row an organisation: organisation_truth_id, name, short_name, former_name, uscc, phone, address, stem,
            industry, kind, stem_group, parent_truth_id.
        cases: one row a case: case_truth_id, kind (the category), occurred_at, street, community, address, place, amount …
        records: one row a record of a department, noise applied; `tick` is the pull at which it is first there (0: the first).
        parties: one row a person or organisation named in a record.
        changes: what happens after the first pull, in the order of ticks: update, delete, late, revert, resend.
    """

    persons: pl.DataFrame
    organisations: pl.DataFrame
    cases: pl.DataFrame
    records: pl.DataFrame
    parties: pl.DataFrame
    changes: pl.DataFrame

    @cached_property
    def truth_records(self) -> pl.DataFrame:
        """Which case each record is about."""
        return truth.records(self.records)

    @cached_property
    def truth_parties(self) -> pl.DataFrame:
        """Which person or organisation each party is; null where the record says nothing that could tell."""
        return truth.parties(self.records, self.parties)

    @cached_property
    def hard_kinds(self) -> pl.DataFrame:
        """Pairs of parties or records that are hard to tell apart or together, by kind."""
        return truth.hard_kinds(self.persons, self.organisations, self.cases, self.records, self.parties)


def build_world(records: int = DEFAULT_RECORDS, seed: int = 1, rates: Rates | None = None) -> World:
    """Build a world.

    Args:
        records: source records over all departments at the first pull, exactly.
        seed: the same seed gives the same world.
        rates: how often what happens; simulator/rates.yml unless given.
    """
    if records < 1:
        raise ValueError("a world has one record at least")
    rates = rates or load_rates()
    later, late = round(rates.changes.new * records), round(rates.changes.late * records)
    rngs = iter([np.random.default_rng(child) for child in np.random.SeedSequence([seed, records]).spawn(16)])
    places = build_places(next(rngs))
    plan = outline(next(rngs), rates.cases, records + later + late)
    company = cast(next(rngs), rates, places, plan, NOW)
    filings = file_records(next(rngs), rates, company.cases, later, late)
    set_late(next(rngs), rates, filings)
    mentions = mention(next(rngs), rates, company, filings)
    scene = Scene(rates, places, company, filings, mentions)
    parties = write_parties(next(rngs), scene)
    filed = frames.records(next(rngs), scene, parties)
    return World(
        persons=frames.persons(places, company.persons),
        organisations=frames.organisations(places, company.organisations),
        cases=frames.cases(places, company.cases),
        records=filed,
        parties=parties,
        changes=change(next(rngs), rates, filings, filed),
    )
