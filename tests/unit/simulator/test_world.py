"""The simulated world: size, sameness, numbers that hold, and rates near those stated."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest
from stdnum.cn import ric, uscc

from hub.errors import SettingsError
from schema import codes
from simulator import rates as rates_module
from simulator.noise import lookalikes
from simulator.rates import load_rates, read_rates
from simulator.world import DEFAULT_RECORDS, World, build_world

SIZE = 12_000


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SIZE, seed=5)


@pytest.fixture(scope="module")
def small() -> World:
    return build_world(DEFAULT_RECORDS, seed=1)


def frames(world: World) -> list[pl.DataFrame]:
    return [world.persons, world.organisations, world.cases, world.records, world.parties, world.changes]


def share_noted(frame: pl.DataFrame, kind: str) -> float:
    return float(frame.select(pl.col("noise").list.contains(kind).mean()).item())


def test_same_seed_gives_the_same_world() -> None:
    for left, right in zip(frames(build_world(700, 3)), frames(build_world(700, 3)), strict=True):
        assert left.equals(right, null_equal=True)


def test_another_seed_gives_another_world() -> None:
    assert not build_world(700, 3).records.equals(build_world(700, 4).records)


@pytest.mark.parametrize("size", [1, 2, 7, 60, 1_000, DEFAULT_RECORDS, 5_001])
def test_size_is_exact_at_the_first_pull(size: int) -> None:
    world = build_world(size, seed=9)
    assert world.records.filter(pl.col("tick") == 0).height == size
    assert world.records["row"].to_list() == list(range(world.records.height))


def test_an_empty_world_is_refused() -> None:
    with pytest.raises(ValueError, match="one record"):
        build_world(0, seed=1)


def test_the_default_world_is_built_in_a_moment(small: World) -> None:
    begun = time.process_time()
    build_world(DEFAULT_RECORDS, seed=2)
    assert time.process_time() - begun < 5


def test_every_department_has_records(small: World) -> None:
    assert set(small.records["department"]) == set(load_rates().departments)
    assert len(load_rates().departments) == 16


def test_codes_are_the_hubs(world: World) -> None:
    for column, name in (("category", "category"), ("status", "status"), ("grade", "grade"), ("channel", "channel")):
        assert set(world.records[column]) <= set(codes.load(name)), column
    assert set(world.parties["role"]) <= set(codes.load("role"))
    assert set(world.records["street"]) == set(codes.streets())
    assert set(world.records["community"].drop_nulls()) == set(codes.communities())


def test_categories_are_all_there(world: World) -> None:
    assert set(world.cases["kind"]) == set(codes.load("category"))


def test_own_numbers_are_unique_in_a_department(world: World) -> None:
    assert world.records.select(pl.struct("department", "source_record_id").n_unique()).item() == world.records.height


@pytest.mark.parametrize(
    ("department", "pattern"),
    [
        pytest.param("petition", r"^XF\d{4}-\d{2}-\d{6}$", id="petition"),
        pytest.param("court", r"^\(\d{4}\)粤0311民初\d+号$", id="court"),
        pytest.param("labour", r"^深光劳人仲案〔\d{4}〕\d+号$", id="labour"),
        pytest.param("police", r"^J440311\d{14}$", id="police"),
        pytest.param("civil_affairs", r"^MZ440311\d{12}$", id="civil_affairs"),
        pytest.param("mass_organisations", r"^(GH|FL|TW)\d{4}-\d{5}$", id="mass_organisations"),
    ],
)
def test_numbers_look_like_their_departments(world: World, department: str, pattern: str) -> None:
    numbers = world.records.filter(pl.col("department") == department)["source_record_id"]
    assert numbers.len() > 0
    assert numbers.str.contains(pattern).all()


def test_identity_numbers_hold_and_tell_birth_and_gender(world: World) -> None:
    sample = world.persons.sample(400, seed=1)
    for number, birth, gender in sample.select("id_no", "birth_date", "gender").iter_rows():
        ric.validate(number)
        assert ric.get_birth_date(number) == birth
        assert (int(number[16]) % 2 == 1) == (gender == "male")
    assert world.persons["id_no"].n_unique() == world.persons.height


def test_credit_codes_hold(world: World) -> None:
    for code in world.organisations["uscc"].sample(400, seed=1):
        uscc.validate(code)
    assert world.organisations["uscc"].n_unique() == world.organisations.height
    assert world.organisations["name"].n_unique() == world.organisations.height


def test_a_wrong_digit_breaks_the_check(world: World) -> None:
    wrong = world.parties.filter(pl.col("noise").list.contains("id_one_digit_off") & (pl.col("id_no").str.len_chars() == 18))
    assert wrong.height > 5
    assert not any(ric.is_valid(number) for number in wrong["id_no"])


def test_phones_are_plausible(world: World) -> None:
    phones = world.parties["phone"].drop_nulls()
    assert phones.str.contains(r"^1[3-9]\d{9}$|^0755\d{8}$").all()


def test_coordinates_lie_in_the_district(world: World) -> None:
    placed = world.records.drop_nulls("longitude")
    assert placed["longitude"].is_between(113.82, 114.05).all()
    assert placed["latitude"].is_between(22.66, 22.87).all()
    exact = world.cases.select("community", "longitude", "latitude").group_by("community").agg(pl.all().mean())
    assert exact.select("longitude", "latitude").n_unique() == len(codes.communities())


def test_addresses_name_their_street_or_nothing_else(world: World) -> None:
    streets = pl.DataFrame({"street": list(codes.streets()), "street_name": list(codes.streets().values())})
    told = world.records.join(streets, on="street").filter(pl.col("address").str.contains("街道"))
    assert told.height > SIZE / 3
    assert told.select(pl.col("address").str.contains(pl.col("street_name"), literal=True).all()).item()


def test_times_come_in_their_order(world: World) -> None:
    stages = ["occurred_at", "reported_at", "accepted_at", "resolved_at", "confirmed_at", "fed_back_at"]
    for left, right in zip(stages[1:-1], stages[2:], strict=True):
        assert world.records.filter(pl.col(right) < pl.col(left)).is_empty(), (left, right)
    assert world.records.filter(pl.col("occurred_at") > pl.col("reported_at")).is_empty()
    assert world.records.filter((pl.col("status") == "fed_back") != pl.col("fed_back_at").is_not_null()).is_empty()


def test_most_cases_are_settled(world: World) -> None:
    settled = world.records.filter(pl.col("tick") == 0).select(pl.col("status").is_in(["resolved", "confirmed", "fed_back"]).mean()).item()
    assert 0.85 < settled < 0.999


def test_records_a_case(world: World) -> None:
    per_case = world.records.group_by("case_truth_id").len()["len"]
    expected = float(np.dot(load_rates().cases.records_per_case, [1, 2, 3, 4, 5]))
    assert per_case.max() <= 5  # type: ignore[operator]
    assert abs(per_case.mean() - expected) < 0.08  # type: ignore[operator]


def test_the_largest_petition_is_collective(small: World) -> None:
    largest = small.cases.sort("petitioners").tail(1)
    assert largest["form"].item() == "collective"
    assert largest["petitioners"].item() == load_rates().cases.collective_most
    assert small.records.join(largest, on="case_truth_id")["people_involved"].min() >= 94  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["wrong_category", "date_shift", "occurred_missing", "place_rough", "fact_dropped"])
def test_record_noise_is_near_its_rate(world: World, kind: str) -> None:
    stated = getattr(load_rates().records, kind)
    if kind == "date_shift":
        stated *= 1 - load_rates().records.occurred_missing
    assert abs(share_noted(world.records, kind) - stated) < 0.015


@pytest.mark.parametrize(("kind", "rate"), [("homophone", "homophone"), ("look_alike", "look_alike"), ("traditional", "traditional")])
def test_name_noise_is_near_its_rate(world: World, kind: str, rate: str) -> None:
    """A drawn character may have no counterpart, so that fewer are changed than stated; more never are."""
    people = world.parties.filter((pl.col("kind") == "person") & ~pl.col("noise").list.contains("masked_name"))
    stated = getattr(load_rates().names, rate)
    assert 0.4 * stated < share_noted(people, kind) < 1.35 * stated


def test_departments_differ_in_what_they_keep(world: World) -> None:
    own = world.parties.join(world.records.select("row", "department", "is_anonymous"), on="row").filter(
        (pl.col("kind") == "person") & ~pl.col("is_anonymous") & pl.col("role").is_in(["petitioner", "reporter", "plaintiff", "patient"])
    )
    kept = own.group_by("department").agg(
        id_no=pl.col("id_no").is_not_null().mean(), masked=pl.col("noise").list.contains("masked_name").mean(), size=pl.len()
    )
    for department, id_no, masked in kept.filter(pl.col("size") > 150).drop("size").iter_rows():
        stated = load_rates().departments[department]
        assert abs(id_no - stated.id) < 0.09, department
        assert abs(masked - stated.masked) < 0.09, department


def test_masked_names_keep_the_surname(world: World) -> None:
    masked = world.parties.filter(pl.col("noise").list.contains("masked_name")).join(
        world.persons.select("person_truth_id", full="name", married="other_name"), on="person_truth_id"
    )
    stem = pl.col("name").str.replace(r"(先生|女士|某某|某|\*+)$", "")
    assert masked.height > 100
    assert masked.select(pl.col("full").str.starts_with(stem).all()).item()


def test_anonymous_records_name_nobody(world: World) -> None:
    hidden = world.parties.filter(pl.col("noise").list.contains("anonymous"))
    assert hidden.height > 50
    assert hidden["id_no"].null_count() == hidden.height
    assert set(hidden["row"]) <= set(world.records.filter("is_anonymous")["row"])
    assert hidden.filter(pl.col("phone").is_null())["person_truth_id"].null_count() == hidden["phone"].null_count()


def test_noise_is_what_was_done(world: World) -> None:
    """A name without a note is the person's own."""
    slips = ["homophone", "look_alike", "traditional", "typo", "masked_name", "married_name", "anonymous"]
    clean = world.parties.filter(
        pl.col("person_truth_id").is_not_null() & (pl.col("noise").list.set_intersection(slips).list.len() == 0)
    ).join(world.persons.select("person_truth_id", own="name", own_id="id_no"), on="person_truth_id")
    assert (clean["name"] == clean["own"]).all()
    whole = clean.filter(pl.col("noise").list.set_intersection(["id15", "lower_x", "id_one_digit_off"]).list.len() == 0)
    assert whole.filter(pl.col("id_no").is_not_null() & (pl.col("id_no") != pl.col("own_id"))).is_empty()


def test_old_numbers_are_the_new_ones_without_century_and_check(world: World) -> None:
    old = world.parties.filter(pl.col("noise").list.contains("id15") & ~pl.col("noise").list.contains("id_one_digit_off")).join(
        world.persons.select("person_truth_id", own_id="id_no", born="birth_date"), on="person_truth_id"
    )
    assert old.height > 50
    assert (old["id_no"] == old["own_id"].str.slice(0, 6) + old["own_id"].str.slice(8, 9)).all()
    assert (old["born"].dt.year() < 1984).all()


def test_parties_are_counted_from_nought_in_each_record(world: World) -> None:
    expected = world.parties.select(pl.int_range(pl.len(), dtype=pl.Int32).over("row"))
    assert (world.parties["ordinal"] == expected.to_series()).all()
    assert world.parties["row"].is_sorted()


def test_texts_have_no_empty_slots(world: World) -> None:
    assert world.records["text"].null_count() == world.records["title"].null_count() == 0
    assert not world.records["text"].str.contains(r"[{}]").any()
    assert world.records["text"].n_unique() > 0.97 * world.records.height


def test_references_cite_another_departments_record(world: World) -> None:
    cited = world.records.select("department", "case_truth_id", "references", "noise").explode("references").drop_nulls("references")
    cited = cited.unnest("references", separator="_")
    assert cited.height > 500
    assert (cited["department"] != cited["references_department"]).all()
    right = cited.filter(~pl.col("noise").list.contains("reference_typo"))
    target = world.records.select(references_department="department", references_number="source_record_id", target_case="case_truth_id")
    found = right.join(target, on=["references_department", "references_number"], how="left")
    assert (found["case_truth_id"] == found["target_case"]).all()


def test_courts_cite_labour_awards(world: World) -> None:
    awards = world.records.filter(pl.col("department") == "labour").select("case_truth_id", "reported_at").unique("case_truth_id")
    court = world.records.filter(pl.col("department") == "court").join(awards, on="case_truth_id", suffix="_labour")
    later = court.filter(pl.col("reported_at") > pl.col("reported_at_labour"))
    citing = later.select(pl.col("references").list.eval(pl.element().struct.field("department") == "labour").list.any().mean()).item()
    assert later.height > 20
    assert abs(citing - load_rates().records.court_cites_award) < 0.2


def test_look_alike_lists_never_offer_the_character_itself() -> None:
    for name in ("homophones", "looks", "traditional", "slips"):
        assert all(letter not in others and others for letter, others in lookalikes(name).items()), name


def test_unknown_rates_are_refused() -> None:
    document = rates_module.yaml.safe_load(rates_module._FILE.read_text(encoding="utf-8"))
    assert read_rates(document) == load_rates()
    document["cases"]["jonit"] = 0.1
    with pytest.raises(SettingsError, match="jonit"):
        read_rates(document)
    del document["cases"]
    with pytest.raises(SettingsError, match="section"):
        read_rates(document)
