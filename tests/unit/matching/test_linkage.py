"""The steps together: chunks give what the whole gives, sides do not matter."""

from __future__ import annotations

import dataclasses
import itertools
import random
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import linkage
from matching.blocking import blocking_keys
from matching.clustering import cluster
from matching.evaluation import evaluate
from matching.forms import CONSTRAINTS
from matching.linkage import all_pairs, deduplicate, link
from matching.model import Comparison, Level
from matching.model_file import packaged_model
from tests.unit.matching.builders import FORMS, candidate_pairs, day, make_forms, make_inputs, make_pairs

_NAMES = ["王建国", "王健国", "王先生", "王建军", "李秀英", "张伟", "張偉", "匿名"]
_PERSONS = st.fixed_dictionaries(
    {
        "name": st.sampled_from([*_NAMES, None]),
        "id_no": st.sampled_from(["11010519491231002X", "110105491231002", "440301199001011234", "11010519491231003X", None, None]),
        "phone": st.sampled_from(["13911223344", "13911223345", "13822334455", "13800138000", None]),
        "address": st.sampled_from(["长春路12号3栋502室", "长春路12号3栋", "翠苑花园3栋", "光明区马田街道", None]),
        "gender": st.sampled_from(["male", "female", None]),
        "birth_date": st.sampled_from([day(0).date(), day(1).date(), None]),
        "record_id": st.integers(1, 6),
        "role": st.sampled_from(["petitioner", "victim", "respondent"]),
    }
)


@settings(max_examples=40)
@given(st.lists(_PERSONS, min_size=2, max_size=8))
def test_weight_is_symmetric(rows: list[dict[str, Any]]) -> None:
    count = len(rows)
    pairs = [(a, b) for a in range(1, count + 1) for b in range(a + 1, count + 1)]
    forward = link("person", make_forms("person", *rows), None, make_pairs(*pairs), packaged_model("person"))
    turned = [{**row, "id": count - number} for number, row in enumerate(rows)]
    mirrored = [(count + 1 - b, count + 1 - a) for a, b in pairs]
    backward = link("person", make_forms("person", *turned), None, make_pairs(*mirrored), packaged_model("person"))
    for column in ("match_weight", "decision", "levels"):
        assert forward.column(column).to_pylist() == backward.column(column).to_pylist()


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_a_firm_with_its_place_in_brackets_left_out_or_not_is_one_whichever_comes_first(order: tuple[int, ...]) -> None:
    names = ["恒瑞达科技（深圳）有限公司", "恒瑞达科技深圳有限公司", "深圳市恒瑞达科技有限公司"]
    inputs = make_inputs("organisation", *({"name": names[place], "record_id": place} for place in order))
    assert len({*deduplicate("organisation", inputs, packaged_model("organisation")).column("cluster").to_pylist()}) == 1


def _in_chunks(inputs: pa.Table, sizes: list[int]) -> set[frozenset[int]]:
    """Clusters as a store makes them: keys and edges kept, each chunk joined with what came before."""
    keys, edges, known, start = [], [], [], 0
    for size in sizes:
        new = FORMS["person"](inputs.slice(start, size))
        start += size
        keys.append(blocking_keys("person", new, packaged_model("person")))
        pairs = candidate_pairs(keys[-1], pa.concat_tables(keys))
        before = pa.concat_tables(known) if known else None
        edges.append(link("person", new, before, pairs, packaged_model("person")))
        known.append(new)
    names = pl.Series("key", [f"{number:03}" for number in inputs.column("record_id").to_pylist()])
    nodes = pl.DataFrame(pa.concat_tables(known).select(CONSTRAINTS)).with_columns(names).to_arrow()
    rows = pl.DataFrame(cluster(nodes, pa.concat_tables(edges))).with_columns(names).group_by("cluster").agg("key")
    return {frozenset(map(int, group)) for group in rows["key"].to_list()}


@settings(max_examples=40)
@given(st.lists(_PERSONS, min_size=3, max_size=14), st.randoms(use_true_random=False))
def test_chunks_in_any_order_give_the_same_clusters(rows: list[dict[str, Any]], dice: random.Random) -> None:
    alone = [{**row, "record_id": number} for number, row in enumerate(rows, 1)]
    whole = _in_chunks(make_inputs("person", *alone), [len(alone)])
    shuffled = alone[:]
    dice.shuffle(shuffled)
    sizes, left = [], len(alone)
    while left:
        sizes.append(dice.randint(1, left))
        left -= sizes[-1]
    assert _in_chunks(make_inputs("person", *shuffled), sizes) == whole


def test_94_workers_are_94_persons_and_one_case() -> None:
    given_names = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚"
    names = [f"{surname}{one}{other}" for surname in "赵钱孙李周" for one, other in zip(given_names, given_names[::-1], strict=True)][:94]
    parties = [{"name": name, "phone": "13911223344", "record_id": 1} for name in names]
    parties += [{"name": name, "phone": "13911223344", "record_id": 2 + number} for number, name in enumerate(names[:3])]
    persons = _clusters("person", *parties)
    assert len(set(persons[:94])) == 94
    assert persons[94:] == persons[:3]
    wages = {"category": "wages", "respondent_organisations": [9], "occurred_at": day(0), "address": "光侨大道1200号"}
    records = [{**wages, "petitioner_persons": persons[:94], "people_involved": 94}]
    records += [{**wages, "department": "labour", "petitioner_persons": [person]} for person in persons[94:]]
    records += [{**wages, "department": "court", "petitioner_persons": [1000]}]
    assert _clusters("case", *records) == [1, 1, 1, 1, 5]


def test_two_slips_of_one_name_meet_through_it_alone() -> None:
    slips = [{"name": name, "phone": "13911223344"} for name in ("黄车海", "黄军梅", "黄军军海")]
    assert _clusters("person", *slips) == [1, 2, 3]
    whole = {"name": "黄军海", "phone": "13911223344"}
    assert _clusters("person", *slips, whole) == [1, 1, 1, 1]


def test_a_model_without_its_youngest_levels_takes_the_next_for_firms() -> None:
    model = packaged_model("organisation")
    names = next(comparison for comparison in model.comparisons if comparison.name == "name")
    fewer = dataclasses.replace(names, levels=tuple(level for level in names.levels if level.name not in ("core_alike", "short_alike")))
    model = dataclasses.replace(model, comparisons=tuple(fewer if each is names else each for each in model.comparisons))
    forms = make_forms("organisation", *({"name": name} for name in ("恒瑞达供应练管理有限公司", "恒瑞达供应链管理", "和兴鞋业", "和星")))
    edges = link("organisation", forms, None, make_pairs((1, 2), (3, 4)), model)
    assert [orjson.loads(levels)["name"] for levels in edges.column("levels").to_pylist()] == ["near", "differ"]


def test_a_model_without_the_level_takes_two_slips_for_two_of_a_family() -> None:
    model = packaged_model("person")
    names = next(comparison for comparison in model.comparisons if comparison.name == "name")
    fewer = dataclasses.replace(names, levels=tuple(level for level in names.levels if level.name != "two_slips"))
    model = dataclasses.replace(model, comparisons=tuple(fewer if each is names else each for each in model.comparisons))
    forms = make_forms("person", {"name": "黄军梅", "phone": "13911223344"}, {"name": "黄车海", "phone": "13911223344"})
    assert link("person", forms, None, make_pairs((1, 2)), model).column("decision").to_pylist() == ["cannot_link"]


def test_firms_of_one_stem_stay_apart_through_their_short_form() -> None:
    firms = [{"name": "深圳市维珍妮鞋业有限公司"}] * 3 + [{"name": "深圳市维珍妮服装有限公司"}] * 2
    short = [{"name": "维珍妮", "phone": "13911223344"}]
    found = _clusters("organisation", *firms, *short)
    assert found[:5] == [1, 1, 1, 4, 4]


def _clusters(relation: str, *rows: dict[str, Any]) -> list[int]:
    """The cluster of each of such rows."""
    found: list[int] = deduplicate(relation, make_inputs(relation, *rows), packaged_model(relation)).column("cluster").to_pylist()
    return found


def _some(relation: str) -> pa.Table:
    """Rows of which many meet, and some are one."""
    phones = ["13911223344", "13911223345", "13822334455", None]
    if relation == "person":
        rows = [{"name": name, "phone": phone, "gender": "male"} for name, phone in itertools.product(_NAMES, phones)]
    elif relation == "organisation":
        names = ["深圳市维珍妮鞋业有限公司", "维珍妮鞋业", "深圳市维珍妮服装有限公司", "维珍妮", "唯珍妮鞋业"]
        rows = [{"name": name, "phone": phone} for name, phone in itertools.product([*names, names[0]], phones)]
    else:
        days, kinds = [day(0), day(2), day(70)], ["noise", "wages"]
        rows = [
            {"petitioner_persons": [person], "category": kind, "occurred_at": when, "address": "长春路12号"}
            for person, kind, when in itertools.product([7, 8, 9], kinds, days)
        ]
    return make_inputs(relation, *rows)


@pytest.mark.parametrize("relation", ["person", "organisation", "case"])
@pytest.mark.parametrize(("rows", "pairs"), [(5, 7), (1, 1), (16, 1000)])
def test_slices_and_batches_change_nothing(relation: str, rows: int, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, model = _some(relation), packaged_model(relation)
    whole, met = deduplicate(relation, inputs, model), all_pairs(relation, FORMS[relation](inputs), model)
    assert met.num_rows >= 3 * 7
    assert 1 < len(set(whole.column("cluster").to_pylist())) < inputs.num_rows
    monkeypatch.setattr(linkage, "ROWS_AT_ONCE", rows)
    monkeypatch.setattr(linkage, "PAIRS_AT_ONCE", pairs)
    assert deduplicate(relation, inputs, model).equals(whole)
    again = all_pairs(relation, linkage.all_forms(relation, inputs, model), model)
    by_id = [("left", "ascending"), ("right", "ascending")]
    assert again.sort_by(by_id).equals(met.sort_by(by_id))


@pytest.mark.parametrize("relation", ["person", "case"])
def test_pairs_rule_by_rule_are_those_of_all_keys(relation: str) -> None:
    forms = FORMS[relation](_some(relation))
    found = all_pairs(relation, forms, packaged_model(relation)).sort_by([("left", "ascending"), ("right", "ascending")])
    assert found.equals(candidate_pairs(blocking_keys(relation, forms, packaged_model(relation))))


def test_where_a_measure_looks_at_the_whole_table_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = packaged_model("person")
    levels = (Level("alike", 30.0, tests=(("ngrams", 0.4),)), Level("differ", -30.0))
    by_pieces = dataclasses.replace(model, comparisons=(Comparison("name", "string", "name", levels),), adjustments=())
    names = ["王建国先锋", "王建国先生", "王建军先锋", "李建国先锋", "王秀英", "王健康", "王先"]
    inputs = make_inputs("person", *({"name": name, "phone": "13911223344"} for name in names))
    whole = deduplicate("person", inputs, by_pieces)
    monkeypatch.setattr(linkage, "PAIRS_AT_ONCE", 1)
    assert deduplicate("person", inputs, by_pieces).equals(whole)


@pytest.mark.parametrize("relation", ["person", "organisation", "case"])
def test_a_table_of_nothing(relation: str) -> None:
    assert deduplicate(relation, make_inputs(relation), packaged_model(relation)).num_rows == 0


def test_evaluation_counts_pairs_and_rows() -> None:
    found = evaluate(pl.Series([1, 1, 2, 2, 3]), pl.Series([1, 1, 1, 2, None]))
    assert (found.rows, found.predicted_pairs, found.true_pairs, found.shared_pairs) == (4, 2, 3, 1)
    assert (found.pairwise.precision, found.pairwise.recall) == (0.5, pytest.approx(1 / 3))
    assert (found.b_cubed.precision, found.b_cubed.recall) == (0.75, pytest.approx((2 / 3 * 2 + 1 / 3 + 1) / 4))
    assert evaluate(pl.Series([1, 1]), pl.Series([5, 5])).pairwise.f1 == 1
