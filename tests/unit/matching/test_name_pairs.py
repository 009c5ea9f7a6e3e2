"""The table of Chinese name pairs: what one name is scores as one, and scores fall with the tiers."""

from __future__ import annotations

import polars as pl
import pytest

from benchmarks.name_pairs import TIERS, name_pairs, tiers
from matching.forms import organisation_forms
from matching.model_file import packaged_model
from matching.vocabulary import vocabulary
from tests.unit.matching.builders import make_inputs

SCORED = name_pairs()


def test_the_table_is_large_and_gives_reasons() -> None:
    assert SCORED.height >= 120
    assert SCORED["reason"].str.len_chars().min() >= 5
    assert set(SCORED["tier"]) == set(TIERS)
    assert SCORED.select("relation", "left", "right").is_unique().all()


def test_no_pair_fails() -> None:
    failed = SCORED.filter("is_failure")
    assert failed.select("left", "right", "bits", "copy_bits").rows() == []


@pytest.mark.parametrize("relation", ["person", "organisation"])
@pytest.mark.parametrize("measure", ["mean", "median"])
def test_scores_fall_with_the_tiers(relation: str, measure: str) -> None:
    strong, medium, weak = tiers(SCORED).filter(pl.col("relation") == relation)[measure].to_list()
    assert strong > medium > weak


def test_a_variant_is_no_character_of_its_own() -> None:
    own = [shape for shape in map(chr, vocabulary().variants) if shape.encode("gb2312", "ignore")]
    assert own == []


@pytest.mark.parametrize(
    ("name", "city"),
    [
        pytest.param("深圳市康鼎田市政工程有限公司", "深圳", id="the trade 市政 ends no city"),
        pytest.param("广东众尔隆市政工程有限公司", "广东", id="nor does it make one; the province alone"),
        pytest.param("广东省深圳市华盛电子有限公司", "深圳", id="the province before a city"),
        pytest.param("恒瑞达科技（惠州）有限公司", "惠州", id="in brackets"),
        pytest.param("恒瑞达科技惠州有限公司", "惠州", id="in brackets that were left out"),
        pytest.param("恒瑞达惠州市科技有限公司", "惠州", id="so, before its trade"),
        pytest.param("深圳市恒瑞达惠州科技有限公司", "深圳", id="a place within a name that begins with one"),
        pytest.param("新惠州科技有限公司", None, id="a place that is the stem"),
        pytest.param("恒瑞达惠州厂", None, id="no whole name"),
        pytest.param("深圳市龙华区美味快餐店", "深圳龙华", id="another district"),
        pytest.param("深圳市宝安区公明恒发五金厂", "深圳光明", id="a street that has changed its district"),
        pytest.param("深圳市广明区金禾眼镜店", "深圳光明", id="a slip in the district"),
        pytest.param("光鸣区金禾眼镜店", None, id="a slip in the district alone"),
        pytest.param("深圳市广华区金禾眼镜店", "深圳", id="a district that there is not"),
        pytest.param("冬莞市金禾眼镜店", "东莞", id="a slip in the city"),
        pytest.param("广东省慧州市金禾眼镜店", "惠州", id="after its province"),
        pytest.param("抚州市金禾眼镜店", "抚州", id="a city that sounds like 福州"),
        pytest.param("光明区金禾眼镜店", None, id="the district alone"),
    ],
)
def test_city_of_a_firm(name: str, city: str | None) -> None:
    forms = organisation_forms(make_inputs("organisation", {"name": name}), packaged_model("organisation"))
    assert forms.column("city").to_pylist() == [city]
