"""The truth of a world: which records are one case, which parties one person or organisation, and which pairs of them are hard.

A hard pair belongs to one kind. Where two must stay apart, both are named in full and something told of both differs (a number, a
telephone, a room; for records, what they are about). Where two are one, the difference named by the kind is the only slip between them, no
number settles the matter, and something else they share still tells.
"""

from __future__ import annotations

import polars as pl

PAIRS = {
    "kind": pl.String,
    "relation": pl.String,
    "same": pl.Boolean,
    "left_department": pl.String,
    "left_source_record_id": pl.String,
    "left_ordinal": pl.Int32,
    "right_department": pl.String,
    "right_source_record_id": pl.String,
    "right_ordinal": pl.Int32,
}
#: Slips in how a person is written down: a pair that is hard for one reason has no other.
_NAME_SLIPS = ["homophone", "look_alike", "traditional", "typo", "masked_name", "married_name"]
_NUMBER_SLIPS = ["phone_one_digit_off", "phone_placeholder", "phone_reception", "id_one_digit_off"]
#: The most pairs of one kind that are listed.
_MOST = 20_000


def records(filed: pl.DataFrame) -> pl.DataFrame:
    """department, source_record_id, case_truth_id."""
    return filed.select("department", "source_record_id", "case_truth_id")


def parties(filed: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """department, source_record_id, ordinal, role, person_truth_id, organisation_truth_id."""
    keys = filed.select("department", "source_record_id")[named["row"]]
    return pl.concat([keys, named.select("ordinal", "role", "person_truth_id", "organisation_truth_id")], how="horizontal")


def hard_kinds(
    persons: pl.DataFrame, organisations: pl.DataFrame, cases: pl.DataFrame, filed: pl.DataFrame, named: pl.DataFrame
) -> pl.DataFrame:
    """Pairs that are hard, by kind: kind, relation, same, and the keys of left and right (ordinals null between records)."""
    keyed = pl.concat([filed.select("department", "source_record_id")[named["row"]], named], how="horizontal")
    human = keyed.filter(pl.col("person_truth_id").is_not_null() & ~pl.col("noise").list.contains("anonymous"))
    pairs = [
        *(_relatives(persons, human, relation) for relation in ("twins", "father_son", "same_name_street", "shared_phone")),
        _same_stem(organisations, keyed),
        _two_disputes(cases, filed),
        *(_one_person(human, kind) for kind in ("homophone", "look_alike", "id15", "married_name")),
        _moved(human),
        _renamed(keyed),
    ]
    return pl.concat([pair.head(_MOST).select(list(PAIRS)).cast(PAIRS) for pair in pairs])  # type: ignore[arg-type]


def _sided(frame: pl.DataFrame, side: str) -> pl.DataFrame:
    return frame.rename({name: f"{side}_{name}" for name in frame.columns})


def _named(frame: pl.DataFrame, kind: str, relation: str, same: bool) -> pl.DataFrame:
    return frame.with_columns(kind=pl.lit(kind), relation=pl.lit(relation), same=pl.lit(same))


def _relatives(persons: pl.DataFrame, human: pl.DataFrame, relation: str) -> pl.DataFrame:
    """Mentions of one beside mentions of the other, in different records: named in full, and with something that tells them apart."""
    human = human.filter(pl.col("noise").list.set_intersection(_NAME_SLIPS).list.len() == 0)
    pairs = persons.filter((pl.col("relation") == relation) & (pl.col("person_truth_id") < pl.col("partner_truth_id")))
    found = (
        pairs.select("person_truth_id", "partner_truth_id")
        .join(_sided(human, "left"), left_on="person_truth_id", right_on="left_person_truth_id")
        .join(_sided(human, "right"), left_on="partner_truth_id", right_on="right_person_truth_id")
        .filter(pl.col("left_row") != pl.col("right_row"))
    )
    apart = _differ("id_no") | (_differ("phone") & (_both_rooms() | _honest_phones()))
    if relation != "same_name_street":
        apart |= _differ("name")
    found = found.filter(apart)
    return _named(found, relation, "person", same=False)


def _differ(name: str) -> pl.Expr:
    return (pl.col(f"left_{name}") != pl.col(f"right_{name}")).fill_null(value=False)


def _both_rooms() -> pl.Expr:
    """Both addresses are told down to the room."""
    return pl.all_horizontal(
        pl.col(f"{side}_address").is_not_null() & ~pl.col(f"{side}_noise").list.contains("address_part") for side in ("left", "right")
    )


def _honest_phones() -> pl.Expr:
    """Neither telephone is another's or wrong."""
    return pl.all_horizontal(
        pl.col(f"{side}_noise").list.set_intersection([*_NUMBER_SLIPS, "second_phone"]).list.len() == 0 for side in ("left", "right")
    )


def _same_stem(organisations: pl.DataFrame, keyed: pl.DataFrame) -> pl.DataFrame:
    """Firms of one stem and another trade, by their mentions."""
    grouped = organisations.filter(pl.col("stem_group").is_not_null()).select("organisation_truth_id", "stem_group")
    firms = keyed.filter(pl.col("organisation_truth_id").is_not_null()).join(grouped, on="organisation_truth_id")
    # Called by the bare stem the two cannot be told apart by anybody.
    told = firms.filter(~pl.col("noise").list.contains("org_stem"))
    found = (
        _sided(told, "left")
        .join(_sided(told, "right"), left_on="left_stem_group", right_on="right_stem_group")
        .filter(
            (pl.col("left_organisation_truth_id") < pl.col("right_organisation_truth_id")) & (pl.col("left_row") != pl.col("right_row"))
        )
    )
    return _named(found, "same_stem_firms", "organisation", same=False)


def _two_disputes(cases: pl.DataFrame, filed: pl.DataFrame) -> pl.DataFrame:
    """Records of one person's one case beside those of the other."""
    keys = filed.select("department", "source_record_id", "case_truth_id").with_columns(ordinal=pl.lit(None, dtype=pl.Int32))
    found = (
        cases.filter(pl.col("earlier_case_truth_id").is_not_null())
        .select("case_truth_id", "earlier_case_truth_id")
        .join(_sided(keys, "left"), left_on="case_truth_id", right_on="left_case_truth_id")
        .join(_sided(keys, "right"), left_on="earlier_case_truth_id", right_on="right_case_truth_id")
    )
    return _named(found, "two_disputes_one_person", "case", same=False)


def _one_person(human: pl.DataFrame, kind: str) -> pl.DataFrame:
    """A mention with this slip and no other beside a clean one of the same person; a shared telephone or home still tells."""
    slips = pl.col("noise").list.set_intersection([*_NAME_SLIPS, *_NUMBER_SLIPS, "id15", "moved_house"])
    marked = human.filter(slips == [kind])
    clean = human.filter(slips.list.len() == 0)
    found = _sided(marked, "left").join(_sided(clean, "right"), left_on="left_person_truth_id", right_on="right_person_truth_id")
    found = found.filter(pl.col("left_row") != pl.col("right_row"))
    both = pl.col("left_id_no").is_not_null() & pl.col("right_id_no").is_not_null()
    one_phone = pl.col("left_phone") == pl.col("right_phone")
    if kind == "id15":
        telling = both
    elif kind == "married_name":
        telling = one_phone | both
    else:
        telling = ~both & (one_phone | _both_rooms())
    return _named(found.filter(telling), kind, "person", same=True)


def _moved(human: pl.DataFrame) -> pl.DataFrame:
    """A mention from before the move beside one from after it, no slip in either; the telephone still tells."""
    slips = pl.col("noise").list.set_intersection([*_NAME_SLIPS, *_NUMBER_SLIPS, "id15"]).list.len() == 0
    placed = human.filter(slips & pl.col("address").is_not_null())
    before = pl.col("noise").list.contains("moved_house")
    found = _sided(placed.filter(before), "left").join(
        _sided(placed.filter(~before), "right"), left_on="left_person_truth_id", right_on="right_person_truth_id"
    )
    both = pl.col("left_id_no").is_not_null() & pl.col("right_id_no").is_not_null()
    found = found.filter((pl.col("left_row") != pl.col("right_row")) & ~both & (pl.col("left_phone") == pl.col("right_phone")))
    return _named(found, "moved_house", "person", same=True)


def _renamed(keyed: pl.DataFrame) -> pl.DataFrame:
    """A firm under its former name beside itself under the present one; code, telephone or seat still tells."""
    firms = keyed.filter(pl.col("organisation_truth_id").is_not_null() & ~pl.col("noise").list.contains("org_typo"))
    before = pl.col("noise").list.contains("former_name")
    plain = ~before & (pl.col("noise").list.set_intersection(["org_short", "org_stem", "org_no_region", "org_no_form"]).list.len() == 0)
    found = _sided(firms.filter(before), "left").join(
        _sided(firms.filter(plain), "right"), left_on="left_organisation_truth_id", right_on="right_organisation_truth_id"
    )
    telling = (pl.col("left_uscc") == pl.col("right_uscc")) | (pl.col("left_phone") == pl.col("right_phone"))
    return _named(found.filter((pl.col("left_row") != pl.col("right_row")) & telling), "renamed_firm", "organisation", same=True)
