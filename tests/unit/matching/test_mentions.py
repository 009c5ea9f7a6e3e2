"""What texts name and what rows have in common, and the model of residents' messages on a table made up for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import benchmarks
from benchmarks.messages import verdicts
from matching.comparison import compare
from matching.mentions import mentions, without_mentions
from matching.table_forms import form_of, table_forms
from matching.table_linkage import link_table
from matching.table_model import Field, read_table_model
from tests.unit.matching.builders import make_pairs
from tests.unit.matching.table_builders import make_table

MODEL = Path(benchmarks.__file__).parent / "models" / "messages.yml"

#: Of one wording about four places; then two that tell of one problem in other words, and what has nothing to do with it.
MESSAGES = (
    ("海棠花园小区夜间施工噪音扰民", "海棠花园小区旁边的工地晚上十一点多还在施工，噪音严重扰民。特此投诉，望处理。", "2026-03-01"),
    ("望江花园小区夜间施工噪音扰民", "望江花园小区旁边的工地晚上十一点多还在施工，噪音严重扰民。特此投诉，望处理。", "2026-03-02"),
    ("松柏路夜间施工噪音扰民", "松柏路旁边的工地晚上十一点多还在施工，噪音严重扰民。特此投诉，望处理。", "2026-03-03"),
    ("云溪大道夜间施工噪音扰民", "云溪大道旁边的工地晚上十一点多还在施工，噪音严重扰民。特此投诉，望处理。", "2026-03-03"),
    ("丹枫公寓楼下烧烤店油烟扰民", "丹枫公寓一楼开了几家烧烤店，没有烟道，每天晚上油烟往楼上窜，窗户都不敢开。", "2026-05-06"),
    ("烧烤油烟直排何时能管", "我家住在城东丹枫公寓，底层的餐馆夜宵摊天天冒烟，衣服晾出去全是味道，请来看看。", "2026-05-20"),
    ("咨询医保报销比例", "门诊费用能报销多少，需要带什么材料？", "2026-05-20"),
    ("独生子女护理假何时实行", "别的省份都有了，照顾老人请假要扣钱，请考虑。", "2026-04-20"),
    ("建议增加公交班次", "早高峰等车要四十分钟，上班总是迟到。", "2026-02-11"),
    ("驾驶证换证无人受理", "网上提交一个星期了没有回音，流水号查不到。", "2026-01-30"),
)


def make_messages(order: tuple[int, ...]) -> pl.DataFrame:
    rows = [(str(place), None, *MESSAGES[place][:2], MESSAGES[place][2]) for place in order]
    schema = {name: pl.String for name in ("message", "user", "title", "text", "told")}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize("order", [tuple(range(10)), tuple(reversed(range(10)))], ids=["as they came", "the other way round"])
def test_alike_wording_about_other_places_stays_apart_and_one_problem_reworded_joins(order: tuple[int, ...]) -> None:
    clusters = pl.DataFrame(link_table(make_messages(order), read_table_model(MODEL)).clusters)["cluster"].to_list()
    cluster_of = dict(zip(order, clusters, strict=True))
    assert cluster_of[4] == cluster_of[5]
    assert len(set(clusters)) == 9


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("A5区劳动东路魅力之城小区油烟扰民", ["力之城", "劳动东路"], id="a road and an estate"),
        pytest.param("万科丹枫公寓，红星农场旁的马洲支河", ["丹枫公寓", "洲支河"], id="whatever stands before the name"),
        pytest.param("我们小区门口有一条路，市政府和物业公司都不管，人民医院也远", None, id="sorts of things and phrases name nothing"),
        pytest.param("建新镇\n金港，路灯坏了", None, id="no name runs over a mark, and a town is no place"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_what_a_text_names(text: str | None, named: list[str] | None) -> None:
    assert mentions(pl.Series([text], dtype=pl.String)).to_list() == [named]


def test_what_is_told_without_where() -> None:
    told = without_mentions(pl.Series(["A5区松柏大道夜间施工", "建新镇松柏路夜间施工"])).to_list()
    assert [text.split() for text in told] == [["夜间施工"], ["夜间施工"]]
    rows = pl.DataFrame({"title": ["关于投诉松柏大道夜间施工的问题"]})
    field = Field("matter", ("title",), "text", without=("mentions", "关于", "投诉", "的问题"))
    assert form_of(rows, field)["matter"].to_list() == ["夜间施工"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [("ab cde", ["ABC", "BCD", "CDE"]), ("abab", ["ABA", "BAB"]), ("ab", ["AB"]), ("n/a", None), (None, None)],
)
def test_pieces(text: str | None, pieces: list[str] | None) -> None:
    rows = pl.DataFrame({"c": pl.Series([text], dtype=pl.String)})
    assert form_of(rows, Field("c", ("c",), "pieces", length=3))["c"].to_list() == [pieces]


@pytest.mark.parametrize(
    ("kind", "levels", "expected"),
    [
        pytest.param(
            "shared", [{"name": "rare", "at_most": 2}, {"name": "common", "at_most": 9}, {"name": "apart"}], [1, 2, 3, 0], id="rows"
        ),
        pytest.param(
            "overlap", [{"name": "all", "at_least": 1}, {"name": "some", "at_least": 0.1}, {"name": "none"}], [2, 1, 3, 0], id="share"
        ),
    ],
)
def test_what_two_rows_have_in_common(tmp_path: Path, kind: str, levels: list[dict[str, Any]], expected: list[int]) -> None:
    def listed(document: dict[str, Any]) -> None:
        document["fields"]["surname"] = {"from": "surname", "as": "words"}
        document["prior"] = 0
        document["comparisons"] = [{"name": "surname", "kind": kind, "levels": [{**level, "bits": 0} for level in levels]}]

    table = make_table(tmp_path, listed)
    texts = ("river elm oak", "river elm ash", "river", "pine", "river birch", None)
    forms = table_forms(pl.DataFrame({"given": "x", "surname": texts, "born": None}, schema_overrides={"born": pl.String}), table)
    for pairs in (((0, 1), (0, 2), (0, 3), (0, 5)), ((1, 0), (2, 0), (3, 0), (5, 0))):
        assert compare("table", forms, make_pairs(*pairs), table.model).column("surname").to_pylist() == expected


def test_links_are_looked_up_in_the_reading_either_way_round() -> None:
    links = pl.DataFrame({"left": ["b", "c", "a"], "right": ["a", "d", "e"]})
    read = pl.DataFrame({"left": ["a", "c", "x"], "right": ["b", "d", "y"], "verdict": ["right", "unsure", "wrong"]})
    assert verdicts(links, read) == (1, 2, 1)
