"""The peer given what the hub's own comparison is given: its forms and its blocking keys, set up as one who knows Splink would.

Enter rows as `matching` takes them, leave columns of `matching.forms` and a list of blocking keys a row. Of numbers, names and
addresses Splink then sees the parts that the hub sees: ID numbers of 18 digits, phones in digits, simplified names with their sound
and look, addresses by parts; of cases also the persons and firms that the hub resolved on either side, what a record cites, its own
number, and the wording as a signature. Parties of one side of one record are no pair. What weighs how much Splink finds itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import polars as pl
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from splink.blocking_rule_library import CustomRule

from benchmarks.peer import Setup
from benchmarks.worlds import Measured
from matching.addresses import ADDRESS
from matching.blocking import blocking_keys
from matching.linkage import all_forms
from matching.model_file import packaged_model

_COLUMNS = {
    "person": ("id_no", "name", "name_pinyin", "name_look", "surname", "given_pinyin", "is_masked", "phone", "birth_date", "gender"),
    "organisation": ("uscc", "name", "core", "core_pinyin", "stem", "stem_pinyin", "industry", "city", "part", "phone"),
    "case": ("case_number", "cites", "category", "occurred_day", "reported_day", "amount", "people_involved", "longitude", "latitude",
             "petitioner_persons", "petitioner_organisations", "respondent_persons", "respondent_organisations", "text_signature"),
}  # fmt: skip


def formed(measured: Measured) -> tuple[pl.DataFrame, Setup, float]:
    """Rows as Splink takes them with the hub's forms, how it links them, and the seconds that forms and keys took."""
    relation, inputs, start = measured.relation, measured.inputs, time.perf_counter()
    model = packaged_model(relation)
    made = all_forms(relation, inputs, model)
    keyed = pl.DataFrame(blocking_keys(relation, made, model))
    seconds = time.perf_counter() - start
    columns = [*_COLUMNS[relation], *ADDRESS, *([] if relation == "case" else ["apart"])]
    told = measured.rows.select(pl.col("id").alias("unique_id"), pl.col("truth").cast(pl.String))
    keys = keyed.group_by("id").agg(pl.col("key").alias("keys"))
    forms = pl.concat([told, pl.DataFrame(made).select(columns)], how="horizontal")
    rows = forms.join(keys, left_on="unique_id", right_on="id", how="left", maintain_order="left")
    rows = rows.with_columns(pl.col(pl.Date).cast(pl.String))
    return (_with_firsts(rows) if relation == "case" else rows), _SETUPS[relation](), seconds


def _with_firsts(rows: pl.DataFrame) -> pl.DataFrame:
    """With plain columns of cases for what Splink trains by and takes its prior from: the day, and the first party of either side."""
    first = {
        f"{side}_first": pl.coalesce(
            pl.lit(kind[0]) + pl.col(f"{side}_{kind}").list.first().cast(pl.String) for kind in ("persons", "organisations")
        )
        for side in ("petitioner", "respondent")
    }
    return rows.with_columns(day=pl.coalesce("occurred_day", "reported_day").floor(), **first)


def _persons() -> Setup:
    comparisons = [
        cl.LevenshteinAtThresholds("id_no", [1, 2]),
        _comparison("name", "name_l IS NULL OR name_r IS NULL", [
            cll.ExactMatchLevel("name", term_frequency_adjustments=True),
            cll.ExactMatchLevel("name_pinyin", term_frequency_adjustments=True),
            cll.ExactMatchLevel("name_look"),
            cll.CustomLevel("(is_masked_l OR is_masked_r) AND surname_l = surname_r"),
            cll.ExactMatchLevel("given_pinyin"),
            cll.CustomLevel("len(name_l) >= 3 AND levenshtein(name_l, name_r) <= 1"),
            cll.ExactMatchLevel("surname"),
        ]),
        cl.LevenshteinAtThresholds("phone", [1]),
        cl.LevenshteinAtThresholds("birth_date", [1]),
        cl.ExactMatch("gender"),
        _address(),
    ]  # fmt: skip
    training = [("phone",), ("name_pinyin", "birth_date"), ("id_no",)]
    return Setup(comparisons, [_shared_key("l.apart <> r.apart")], training, [("id_no",), ("name", "phone")])


def _organisations() -> Setup:
    comparisons = [
        cl.LevenshteinAtThresholds("uscc", [1, 2]),
        _comparison("name", "name_l IS NULL OR name_r IS NULL", [
            cll.ExactMatchLevel("name", term_frequency_adjustments=True),
            cll.ExactMatchLevel("core", term_frequency_adjustments=True),
            cll.ExactMatchLevel("core_pinyin"),
            cll.CustomLevel("stem_pinyin_l = stem_pinyin_r AND (industry_l IS NULL OR industry_r IS NULL)"),
            cll.JaroWinklerLevel("core", 0.9),
            cll.ExactMatchLevel("stem"),
            cll.JaroWinklerLevel("core", 0.8),
        ]),
        cl.ExactMatch("city"),
        cl.ExactMatch("part"),
        cl.LevenshteinAtThresholds("phone", [1]),
        _address(),
    ]  # fmt: skip
    training = [("name",), ("uscc",), ("phone",)]
    return Setup(comparisons, [_shared_key("l.apart <> r.apart")], training, [("uscc",), ("name",)])


def _cases() -> Setup:
    no_citation = "cites_l IS NULL AND cites_r IS NULL AND case_number_l IS DISTINCT FROM case_number_r"
    comparisons = [
        _comparison("citation", no_citation, [
            cll.CustomLevel(_CITES),
            cll.ArrayIntersectLevel("cites", min_intersection=1),
        ]),
        _side("petitioner", "respondent"),
        _side("respondent", "petitioner"),
        cl.ExactMatch("category"),
        _graded("time", _DAYS, [1, 3, 14, 60, 183]),
        _address(),
        cl.DistanceInKMAtThresholds("latitude", "longitude", [0.05, 0.25, 2]),
        _graded("amount", "abs(amount_l - amount_r) / nullif(greatest(abs(amount_l), abs(amount_r)), 0)", [0.001, 0.03]),
        _comparison("people_involved", "people_involved_l IS NULL OR people_involved_r IS NULL", [
            cll.CustomLevel("people_involved_l = people_involved_r AND people_involved_l >= 3"),
            cll.ExactMatchLevel("people_involved"),
        ]),
        _graded("text", f"1 - ({_COSINE})", [0.15, 0.4, 0.65]),
    ]  # fmt: skip
    training = [("road", "number", "category"), ("amount",), ("day", "community", "category")]
    certain = [("petitioner_first", "amount"), ("petitioner_first", "respondent_first", "category")]
    return Setup(comparisons, [_shared_key()], training, certain)


#: One cites the other's number, or bears it too.
_CITES = "case_number_l = case_number_r OR list_contains(cites_l, case_number_r) OR list_contains(cites_r, case_number_l)"
#: What happened, else the nearest of what was happened and what was reported.
_DAYS = """coalesce(abs(occurred_day_l - occurred_day_r), least(abs(occurred_day_l - reported_day_r),
abs(reported_day_l - occurred_day_r), abs(reported_day_l - reported_day_r)))"""
#: Of two texts' signatures, a bit for each pair of neighbouring characters.
_COSINE = """bit_count(text_signature_l::BIT & text_signature_r::BIT)
/ sqrt(bit_count(text_signature_l::BIT)::DOUBLE * bit_count(text_signature_r::BIT))"""


def _shared_key(*more: str) -> CustomRule:
    return CustomRule(" AND ".join(("l.keys = r.keys", *more)), arrays_to_explode=["keys"])


def _comparison(name: str, is_null: str, levels: Sequence[Any]) -> cl.CustomComparison:
    unknown = cll.CustomLevel(is_null).configure(is_null_level=True)
    return cl.CustomComparison([unknown, *levels, cll.ElseLevel()], output_column_name=name)


def _graded(name: str, distance: str, bounds: Sequence[float]) -> cl.CustomComparison:
    levels = [cll.CustomLevel(f"{distance} <= {bound}") for bound in bounds]
    return _comparison(name, f"({distance}) IS NULL", levels)


def _address() -> cl.CustomComparison:
    """By parts, the innermost first: a room of a house, the house by building, number or estate, its road, community and street."""
    spot = "(road_l = road_r OR estate_l = estate_r)"
    house = "(number_l = number_r OR estate_l = estate_r)"
    named = [" AND ".join(f"{part}_{side} IS NULL" for part in ADDRESS) for side in ("l", "r")]
    return _comparison("address", f"({named[0]}) OR ({named[1]})", [
        cll.CustomLevel(f"{spot} AND {house} AND building_l IS NOT DISTINCT FROM building_r AND room_l = room_r"),
        cll.CustomLevel(f"{spot} AND {house} AND building_l = building_r"),
        cll.CustomLevel("road_l = road_r AND number_l = number_r"),
        cll.CustomLevel("estate_l = estate_r"),
        cll.CustomLevel("road_l = road_r"),
        cll.CustomLevel("community_l = community_r"),
        cll.CustomLevel("street_l = street_r"),
    ])  # fmt: skip


def _side(side: str, other: str) -> cl.CustomComparison:
    """Resolved persons or firms of one side: shared, on the opposite side, or others."""
    known = [f"coalesce(len({side}_persons_{at}), 0) + coalesce(len({side}_organisations_{at}), 0) = 0" for at in ("l", "r")]
    crossed = " OR ".join(
        f"list_has_any({one}_{kind}_l, {two}_{kind}_r)"
        for kind in ("persons", "organisations")
        for one, two in ((side, other), (other, side))
    )
    return _comparison(side, f"{known[0]} OR {known[1]}", [
        cll.ArrayIntersectLevel(f"{side}_persons", min_intersection=1),
        cll.ArrayIntersectLevel(f"{side}_organisations", min_intersection=1),
        cll.CustomLevel(crossed),
    ])  # fmt: skip


_SETUPS = {"person": _persons, "organisation": _organisations, "case": _cases}
