"""The truth of the simulated world: complete, and with hard pairs of every kind that are what they claim to be."""

from __future__ import annotations

import polars as pl
import pytest

from simulator.world import World, build_world

KINDS = {
    "twins": False,
    "father_son": False,
    "same_name_street": False,
    "shared_phone": False,
    "same_stem_firms": False,
    "two_disputes_one_person": False,
    "homophone": True,
    "look_alike": True,
    "id15": True,
    "married_name": True,
    "moved_house": True,
    "renamed_firm": True,
}


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(20_000, seed=7)


def with_truth(world: World, kind: str) -> pl.DataFrame:
    """Hard pairs of a kind with the truth of both sides."""
    pairs = world.hard_kinds.filter(pl.col("kind") == kind)
    truth = world.truth_parties.join(
        world.parties.select("name", "id_no", "phone", "noise", "ordinal", source=pl.col("row")).join(
            world.records.select("department", "source_record_id", source="row"), on="source"
        ),
        on=["department", "source_record_id", "ordinal"],
    )
    for side in ("left", "right"):
        renamed = truth.rename({name: f"{side}_{name}" for name in truth.columns})
        pairs = pairs.join(renamed, on=[f"{side}_department", f"{side}_source_record_id", f"{side}_ordinal"])
    return pairs


def test_every_record_has_its_case(world: World) -> None:
    truth = world.truth_records
    assert truth.columns == ["department", "source_record_id", "case_truth_id"]
    assert truth.height == world.records.height
    assert set(truth["case_truth_id"]) == set(world.cases["case_truth_id"])


def test_every_party_has_its_person_or_organisation(world: World) -> None:
    truth = world.truth_parties
    assert truth.columns == ["department", "source_record_id", "ordinal", "role", "person_truth_id", "organisation_truth_id"]
    assert truth.height == world.parties.height
    assert truth.select(pl.struct("department", "source_record_id", "ordinal").n_unique()).item() == truth.height
    persons, organisations = world.parties["kind"] == "person", world.parties["kind"] == "organisation"
    assert truth.filter(organisations)["organisation_truth_id"].null_count() == 0
    assert truth.filter(persons)["organisation_truth_id"].null_count() == persons.sum()
    untold = world.parties.filter(persons & world.parties["person_truth_id"].is_null())
    assert untold.select("id_no", "phone", "address").null_count().row(0) == (untold.height,) * 3
    assert untold.height < 0.04 * persons.sum()


def test_truth_ids_are_in_their_frames(world: World) -> None:
    assert set(world.parties["person_truth_id"].drop_nulls()) <= set(world.persons["person_truth_id"])
    assert set(world.parties["organisation_truth_id"].drop_nulls()) <= set(world.organisations["organisation_truth_id"])


def test_every_hard_kind_is_there(world: World) -> None:
    found = dict(world.hard_kinds.select("kind", "same").unique().iter_rows())
    assert found == KINDS
    assert world.hard_kinds.group_by("kind").len()["len"].min() >= 5  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["twins", "father_son", "same_name_street", "shared_phone"])
def test_two_persons_who_must_stay_apart_are_two(world: World, kind: str) -> None:
    pairs = with_truth(world, kind)
    assert (pairs["left_person_truth_id"] != pairs["right_person_truth_id"]).all()


@pytest.mark.parametrize("kind", ["homophone", "look_alike", "id15", "married_name", "moved_house"])
def test_two_mentions_of_one_person_are_one(world: World, kind: str) -> None:
    pairs = with_truth(world, kind)
    assert (pairs["left_person_truth_id"] == pairs["right_person_truth_id"]).all()
    assert pairs.select(pl.col("left_noise").list.contains(kind).all()).item()
    assert not pairs.select(pl.col("right_noise").list.contains(kind).any()).item()


def test_a_slip_in_the_name_is_not_settled_by_a_number(world: World) -> None:
    for kind in ("homophone", "look_alike"):
        pairs = with_truth(world, kind)
        assert (pairs["left_name"] != pairs["right_name"]).all()
        assert pairs.filter(pl.col("left_id_no").is_not_null() & pl.col("right_id_no").is_not_null()).is_empty()


def test_twins_are_born_on_one_day_to_one_name(world: World) -> None:
    twins = world.persons.filter(pl.col("relation") == "twins")
    both = twins.join(twins, left_on="partner_truth_id", right_on="person_truth_id", suffix="_other")
    assert both.height == twins.height > 20
    assert (both["birth_date"] == both["birth_date_other"]).all()
    assert (both["address"] == both["address_other"]).all()
    assert (both["name"].str.slice(0, 2) == both["name_other"].str.slice(0, 2)).all()
    assert (both["id_no"] != both["id_no_other"]).all()
    assert (both["name"] != both["name_other"]).all()


def test_fathers_and_sons_share_surname_and_home(world: World) -> None:
    men = world.persons.filter(pl.col("relation") == "father_son")
    both = men.join(men, left_on="partner_truth_id", right_on="person_truth_id", suffix="_other")
    assert (both["name"].str.slice(0, 1) == both["name_other"].str.slice(0, 1)).all()
    assert (both["address"] == both["address_other"]).all()
    assert (both["gender"] == "male").all()
    assert ((both["birth_date"].dt.year() - both["birth_date_other"].dt.year()).abs() >= 20).all()


def test_namesakes_live_in_one_street(world: World) -> None:
    alike = world.persons.filter(pl.col("relation") == "same_name_street")
    both = alike.join(alike, left_on="partner_truth_id", right_on="person_truth_id", suffix="_other")
    street = r"(\p{Han}{2}街道)"
    assert (both["name"] == both["name_other"]).all()
    assert (both["address"].str.extract(street) == both["address_other"].str.extract(street)).all()
    assert (both["id_no"] != both["id_no_other"]).all()


def test_firms_of_one_stem_are_of_two_trades(world: World) -> None:
    pairs = with_truth(world, "same_stem_firms")
    trade = world.organisations.select("organisation_truth_id", "stem", "industry")
    for side in ("left", "right"):
        pairs = pairs.join(trade.rename({name: f"{side}_{name}" for name in trade.columns}), on=f"{side}_organisation_truth_id")
    assert (pairs["left_stem"] == pairs["right_stem"]).all()
    assert (pairs["left_industry"] != pairs["right_industry"]).all()


def test_two_disputes_of_one_person_lie_apart(world: World) -> None:
    again = world.cases.filter(pl.col("earlier_case_truth_id").is_not_null())
    both = again.join(world.cases, left_on="earlier_case_truth_id", right_on="case_truth_id", suffix="_earlier")
    assert (both["petitioner_truth_id"] == both["petitioner_truth_id_earlier"]).all()
    days = (both["occurred_at"] - both["occurred_at_earlier"]).dt.total_days().abs()
    assert (days >= 59).all()
    same = both.filter(pl.col("respondent_truth_id") == pl.col("respondent_truth_id_earlier"))
    assert same.height > 10


def test_a_few_organisations_have_very_many_disputes(world: World) -> None:
    disputes = world.cases.drop_nulls("respondent_truth_id").group_by("respondent_truth_id").len()["len"].sort(descending=True)
    assert disputes[0] > 5 * disputes.mean()  # type: ignore[operator]


def test_some_people_complain_for_a_living(world: World) -> None:
    complaints = world.cases.filter(pl.col("kind").is_in(["consumer", "food_safety"])).group_by("petitioner_truth_id").len()
    assert complaints["len"].max() >= 8  # type: ignore[operator]


def test_petitioners_of_one_case_file_apart(world: World) -> None:
    for kind in ("another_petitioner", "spouse_filed", "no_respondent", "anonymous", "wrong_category"):
        assert world.records.select(pl.col("noise").list.contains(kind).sum()).item() > 30, kind


def test_the_spouse_lives_with_the_petitioner_mostly(world: World) -> None:
    couples = world.persons.filter(pl.col("relation") == "couple").join(
        world.persons, left_on="partner_truth_id", right_on="person_truth_id", suffix="_other"
    )
    assert couples.select((pl.col("address") == pl.col("address_other")).mean()).item() > 0.8
    assert (couples["gender"] != couples["gender_other"]).all()
