"""The order of what was gathered, put in order column by column, beside the same said one case at a time."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from api.queries.gathered import RECORDS, Row, Worded, cases_of
from api.queries.ranks import Rank
from api.queries.search import Search
from api.recognise import recognise
from api.search_order import in_order

ENTRY = "小区 噪声 扰民"
CASES = [str(uuid.UUID(int=place)) for place in range(1, 6)]
TITLES = ["", "小区夜间噪声扰民", "小区停车", "噪声超标", "广场舞扰民，噪声大", "拖欠工资"]


@dataclass
class Told:
    """A record that was found, as it is thought of."""

    case_id: str
    reported_at: float
    title: str = ""
    rank: int = int(Rank.WORDS)


records_of_words = st.lists(
    st.builds(Told, st.sampled_from(CASES), st.sampled_from([math.nan, 0.0, 1.7e9, 1.8e9]), st.sampled_from(TITLES)), max_size=12
)
records_of_names = st.lists(
    st.builds(Told, st.sampled_from(CASES), st.sampled_from([math.nan, 1.75e9]), st.just(""), st.sampled_from([0, 10, 60])), max_size=6
)


def rows(named: list[Told]) -> list[Row]:
    return [
        (place, 1, "parties.name", 0, each.rank, each.case_id, None if math.isnan(each.reported_at) else each.reported_at)
        for place, each in enumerate(named, 100)
    ]


def worded(told: list[Told]) -> Worded:
    return Worded(
        np.array([(place, 1) for place in range(len(told))], RECORDS),
        [each.case_id for each in told],
        np.array([each.reported_at for each in told], np.float64),
        [each.title for each in told],
    )


def one_by_one(named: list[Told], told: list[Told]) -> list[str]:
    """The closest first, then the rarer words in the title, then the newest; undated ones last."""
    reading = recognise(ENTRY)
    everything = [*named, *told]
    case_ids = {each.case_id for each in everything}
    held = {
        case_id: {token for each in told if each.case_id == case_id for token in reading.query.tokens if token in each.title}
        for case_id in case_ids
    }

    def weight(token: str) -> float:
        return 1 + math.log((len(case_ids) + 1) / (sum(token in tokens for tokens in held.values()) + 1))

    def key(case_id: str) -> tuple[float, ...]:
        of_case = [each for each in everything if each.case_id == case_id]
        dates = [each.reported_at for each in of_case if not math.isnan(each.reported_at)]
        score = round(sum(weight(token) for token in reading.query.tokens if token in held[case_id]), 6)
        return (min(each.rank for each in of_case), -score, not dates, -max(dates, default=0.0), CASES.index(case_id))

    return sorted(case_ids, key=key)


@given(records_of_names, records_of_words)
def test_columns_are_put_in_the_order_that_cases_have_one_by_one(named: list[Told], told: list[Told]) -> None:
    search = Search(own=None, limit=20, reading=recognise(ENTRY))
    assert in_order(cases_of(rows(named), worded(told)), search) == one_by_one(named, told)


@given(records_of_names, records_of_words, st.sets(st.sampled_from(CASES)))
def test_some_of_the_cases_are_those_that_their_own_records_tell(named: list[Told], told: list[Told], kept: set[str]) -> None:
    some = cases_of(rows(named), worded(told)).only(kept)
    own = cases_of(rows([each for each in named if each.case_id in kept]), worded([each for each in told if each.case_id in kept]))
    assert list(some.case_ids) == list(own.case_ids)
    assert some.ranks.tolist() == own.ranks.tolist()
    np.testing.assert_array_equal(some.reported_at, own.reported_at)
    assert [(some.case_ids[place], title) for place, title in zip(some.titled, some.titles, strict=True)] == [
        (own.case_ids[place], title) for place, title in zip(own.titled, own.titles, strict=True)
    ]


def test_an_entry_of_more_words_than_a_number_has_bits_is_put_in_order_too() -> None:
    entry = "".join(chr(0x4E00 + place) for place in range(150))
    told = [Told(CASES[0], 1.0, "拖欠工资"), Told(CASES[1], 1.0, entry)]
    search = Search(own=None, limit=20, reading=recognise(entry))
    assert in_order(cases_of([], worded(told)), search) == [CASES[1], CASES[0]]
