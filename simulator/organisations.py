"""The organisations of the world: firms, schools, hospitals, their names long and short, former names, credit codes and seats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulator.columns import Flags, Ints, Random, chance, draw, either, glue, pick, strings, words
from simulator.numbers import COMPANY, DISTRICT_COMPANY, FOREIGN_COMPANY, PRIVATE_SCHOOL, PUBLIC, TRADER, credit_codes, draw_prefixes
from simulator.places import KINDS, Address, Places, settle
from simulator.rates import OrganisationRates

_TRADER_FORMS = {"店", "商行", "经营部", "厂"}


@dataclass(frozen=True)
class Organisations:
    """The organisations, a column an attribute. An organisation is its number."""

    kind: Ints  # number in firms.yml's kinds
    name: pl.Series
    region: pl.Series
    stem: pl.Series
    industry: pl.Series
    form: pl.Series
    short_name: pl.Series
    former_name: pl.Series  # null: was never renamed
    uscc: pl.Series
    phone: pl.Series
    seat: Address
    stem_group: Ints  # organisations of one number share a stem; -1: a stem of its own
    parent: Ints  # the firm a branch belongs to; -1: none


def organisation_kinds() -> list[str]:
    """The kinds of organisations, in the order of their numbers."""
    return list(words("firms")["kinds"])


def build_organisations(rng: Random, rates: OrganisationRates, places: Places, kind: Ints) -> Organisations:
    """Organisations of the given kinds."""
    vocabulary, count = words("firms"), len(kind)
    kinds = list(vocabulary["kinds"].values())
    is_public = np.isin(kind, [organisation_kinds().index(name) for name in ("school", "hospital")])
    industry, form = _trades(rng, kinds, kind)
    stem = either(is_public, _public_stems(rng, count), _stems(rng, vocabulary, count))
    stem, group = _share_stems(rng, rates, industry, is_public, stem)
    region = _regions(rng, vocabulary, is_public)
    name = glue(region, stem, industry, form)
    parent = _branches(rng, rates, is_public)
    branch = parent >= 0
    group[branch] = -1
    name = either(branch, glue(name.gather(np.maximum(parent, 0)), "光明分公司"), name)
    stem, industry, region = (either(branch, column.gather(np.maximum(parent, 0)), column) for column in (stem, industry, region))
    form = either(branch, glue(form.gather(np.maximum(parent, 0)), "光明分公司"), form)
    former = glue(region, _stems(rng, vocabulary, count), industry, form)
    renamed = chance(rng, rates.renamed, count) & ~branch
    if count > 10:
        renamed[:2] |= ~branch[:2]
    landline = glue("0755", pl.Series(rng.integers(23_400_000, 29_999_999, count)).cast(pl.String))
    return Organisations(
        kind=kind,
        name=_distinct(name),
        region=region,
        stem=stem,
        industry=industry,
        form=form,
        short_name=glue(stem, industry),
        former_name=either(renamed, former, pl.Series([None] * count, dtype=pl.String)),
        uscc=credit_codes(rng, _prefixes(rng, form, is_public)),
        phone=landline,
        seat=_seats(rng, places, kinds, kind),
        stem_group=group,
        parent=parent,
    )


def _trades(rng: Random, kinds: list[dict[str, object]], kind: Ints) -> tuple[pl.Series, pl.Series]:
    """Industry and legal form by kind."""
    industries: list[str] = []
    forms: list[str] = []
    which, how = np.zeros((2, len(kind)), dtype=np.int64)
    for number, entry in enumerate(kinds):
        rows = np.flatnonzero(kind == number)
        own: list[str] = list(entry["industries"])  # type: ignore[call-overload]
        own_forms: dict[str, float] = dict(entry["forms"])  # type: ignore[call-overload]
        which[rows] = len(industries) + rng.integers(0, len(own), len(rows))
        how[rows] = len(forms) + draw(rng, list(own_forms.values()), len(rows))
        industries += own
        forms += list(own_forms)
    return pick(strings(industries), which), pick(strings(forms), how)


def _stems(rng: Random, vocabulary: dict[str, object], count: int) -> pl.Series:
    """Two or three characters of good omen."""
    first, second = strings(list(str(vocabulary["stem_first"]))), strings(list(str(vocabulary["stem_second"])))
    third = strings(list(vocabulary["stem_third"]))  # type: ignore[call-overload]
    return glue(*(pick(part, rng.integers(0, len(part), count)) for part in (first, third, second)))


def _public_stems(rng: Random, count: int) -> pl.Series:
    listed = strings(words("firms")["public_stems"].split())
    ordinal = np.where(chance(rng, 0.4, count), rng.integers(1, 10, count), 0)
    return glue(
        pick(listed, rng.integers(0, len(listed), count)), pick(strings(["", *(f"第{number}" for number in "一二三四五六七八九")]), ordinal)
    )


def _share_stems(rng: Random, rates: OrganisationRates, industry: pl.Series, is_public: Flags, stem: pl.Series) -> tuple[pl.Series, Ints]:
    """Give some organisations the stem of another of another trade."""
    count = len(stem)
    eligible = np.flatnonzero(~is_public)
    wanted = min(len(eligible) // 2, max(2, round(rates.same_stem * count / 2)))
    chosen = rng.permutation(eligible)
    owners, takers = chosen[:wanted], chosen[wanted : 2 * wanted]
    other_trade = (industry.gather(owners) != industry.gather(takers)).to_numpy()
    owners, takers = owners[other_trade], takers[other_trade]
    source = np.arange(count)
    source[takers] = owners
    group = np.full(count, -1, dtype=np.int64)
    group[owners], group[takers] = owners, owners
    return stem.gather(source), group


def _regions(rng: Random, vocabulary: dict[str, object], is_public: Flags) -> pl.Series:
    regions: dict[str, float] = dict(vocabulary["regions"])  # type: ignore[call-overload]
    listed = strings([*regions, "深圳市光明区", "光明区"])
    drawn = draw(rng, list(regions.values()), len(is_public))
    return pick(listed, np.where(is_public, len(regions) + (rng.random(len(is_public)) < 0.3), drawn))


def _branches(rng: Random, rates: OrganisationRates, is_public: Flags) -> Ints:
    """The parent of each branch: a firm that is none itself."""
    count = len(is_public)
    branch = chance(rng, rates.branch, count) & ~is_public
    heads = np.flatnonzero(~branch & ~is_public)
    parent = np.full(count, -1, dtype=np.int64)
    if len(heads):
        parent[branch] = heads[rng.integers(0, len(heads), int(branch.sum()))]
    return parent


def _distinct(name: pl.Series) -> pl.Series:
    """No two organisations bear one full name: a number in brackets sets the later ones apart, as branches and shops do."""
    frame = pl.DataFrame({"name": name}).with_columns(turn=pl.int_range(pl.len()).over("name"))
    told = pl.when(pl.col("turn") == 0).then("name").otherwise(pl.format("{}（{}）", "name", "turn"))
    return frame.select(told.alias("name")).to_series()


def _prefixes(rng: Random, form: pl.Series, is_public: Flags) -> Ints:
    count = len(form)
    trader = form.is_in(list(_TRADER_FORMS)).to_numpy()
    firms = draw_prefixes(rng, count, {COMPANY: 0.7, DISTRICT_COMPANY: 0.2, FOREIGN_COMPANY: 0.1})
    public = draw_prefixes(rng, count, {PUBLIC: 0.8, PRIVATE_SCHOOL: 0.2})
    return np.where(is_public, public, np.where(trader, TRADER, firms))


def _seats(rng: Random, places: Places, kinds: list[dict[str, object]], kind: Ints) -> Address:
    place = np.zeros(len(kind), dtype=np.int64)
    for number, entry in enumerate(kinds):
        rows = np.flatnonzero(kind == number)
        listed = places.of_kind(KINDS[str(entry["place"])])
        place[rows] = listed[rng.integers(0, len(listed), len(rows))]
    return settle(rng, places, place)
