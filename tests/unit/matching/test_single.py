"""One row at a time gives what the columns give: forms, keys, levels, weights, whatever is written in a value."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from matching import forms as columns
from matching.addresses import addresses
from matching.blocking import blocking_keys
from matching.firms import organisation_names
from matching.identifiers import credit_codes, id_numbers, phones
from matching.linkage import link
from matching.model import Rarity
from matching.model_file import packaged_model
from matching.names import person_names
from matching.single import forms as single
from matching.single.addresses import address
from matching.single.comparison import in_turn, is_known, weigh_in_turn, weigh_pair
from matching.single.firms import organisation_name
from matching.single.identifiers import credit_code, id_number, phone
from matching.single.keys import keys_of
from matching.single.names import person_name
from matching.single.patterns import is_ordinary, translated
from matching.single.texts import bands, signature
from matching.texts import signatures
from matching.vocabulary import vocabulary
from schema import codes
from schema.records import CASE_INPUT, ORGANISATION_INPUT, PAIR, PERSON_INPUT

IN_COLUMNS = settings(
    max_examples=12, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow, HealthCheck.large_base_example]
)
_WORDS = vocabulary()
_PIECES = (
    *_WORDS.places,
    *_WORDS.districts,
    *(f"{district}区" for district in _WORDS.divisions),
    *(f"{city}市" for city in _WORDS.other_cities[:10]),
    *_WORDS.provinces[:10],
    "广西壮族自治区",
    *_WORDS.legal_forms,
    *_WORDS.industries[:80],
    *_WORDS.bodies,
    *_WORDS.shop_names[:20],
    *_WORDS.shops[:20],
    *_WORDS.short_for,
    *_WORDS.estates,
    *(word for titles in _WORDS.titles.values() for word in titles),
    *(word for called in _WORDS.addressed.values() for word in called),
    *sorted(_WORDS.compound_surnames)[:20],
    *sorted(_WORDS.common_given)[:20],
    *codes.streets().values(),
    *codes.communities().values(),
    "王",
    "小明",
    "张伟",
    "買買提",
    "·",
    "吐尔逊",
    "某",
    "*",
    "XX",
    "等3人",
    "（",
    "）",
    "(",
    ")",
    "【",
    "分公司",
    "第一",
    "第2",
    "第10小学",
    "大道",
    "路",
    "巷",
    "号",
    "栋",
    "座",
    "室",
    "12",
    "3",
    "301",
    "之",
    "-",
    "A",
    "光明",
    "公明",
    "广东省",
    "深圳市",
    "冬莞市",
    "抚州市",
    "光鸣区",
    "市政",
    "村",
    "委会",
    "无",
    "匿名",
    "ALEX",
    "smith",
    "ß",
    "ﬁ",
    "㎡",
    "\n",
    " ",
    "\u3000",
    "Ａ１",
    "國",
    "龘",
    "𠮷",
    "İ",
    "\u200b",
)
TEXTS = st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=2)), max_size=7).map("".join)
DIGITS = st.one_of(
    st.text("0123456789", max_size=20),
    st.text("0123456789X*-+ /;ABC，或８", max_size=20),
    st.from_regex(r"[+]?[0-9８]{1,13}[.．][0-9]{1,8}([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.from_regex(r"(44|11)030[0-9](19|20)[0-9]{2}(0[1-9]|1[0-2])[0-3][0-9][0-9]{3}[0-9Xx]", fullmatch=True),
    st.from_regex(r"91440300MA5[A-Z0-9]{7}", fullmatch=True),
    st.from_regex(r"(\+86|0086|86|0)?1[3-9][0-9]{9}", fullmatch=True),
    st.from_regex(r"(\+86|0086|86)-?0?(10|2[0-9]|755)-?[2-9][0-9]{6,7}", fullmatch=True),
    st.text(max_size=5),
)
_PLACEHOLDERS = {
    name: words for relation in ("person", "organisation", "case") for name, words in packaged_model(relation).placeholders.items()
}


def many(of: st.SearchStrategy[Any], fewest: int = 1) -> st.SearchStrategy[list[Any]]:
    """As few as there may be, or thirty: a call of columns takes hardly longer for them."""
    return st.one_of(*(st.lists(of, min_size=size, max_size=size) for size in (fewest, 30)))


def values(texts: list[str]) -> pl.Series:
    return pl.Series("value", texts, dtype=pl.String)


@IN_COLUMNS
@given(many(TEXTS))
@example(["¸", "𞸀"])  # one is written as two characters; what the other is must not depend on it
def test_a_name(texts: list[str]) -> None:
    names = packaged_model("person").placeholders["name"]
    assert [dict(person_name(text, names)) for text in texts] == person_names(values(texts), names).to_dicts()


@IN_COLUMNS
@given(many(TEXTS))
def test_a_firm(texts: list[str]) -> None:
    names = packaged_model("organisation").placeholders["name"]
    assert [dict(organisation_name(text, names)) for text in texts] == organisation_names(values(texts), names).to_dicts()


@pytest.mark.parametrize("word", ["集团有限公司", "电子科技", "建设工程", "集团股份有限公司", "房地产开发"])
@pytest.mark.parametrize("end", ["", "啊", "分公司", "深圳分公"])
def test_a_name_of_the_same_words_over_and_over_is_read_at_once(word: str, end: str) -> None:
    """In as many ways as there are to part it, it took longer than anybody lives."""
    text = ("华盛" + word * 100)[: 200 - len(end)] + end  # as long as a name that is asked for may be
    start = time.process_time()
    found = dict(organisation_name(text, frozenset()))
    assert time.process_time() - start < 2
    assert found == organisation_names(values([text]), frozenset()).row(0, named=True)


@IN_COLUMNS
@given(many(TEXTS))
def test_an_address(texts: list[str]) -> None:
    words = _PLACEHOLDERS["address"]
    assert [dict(address(text, words)) for text in texts] == addresses(values(texts), words).to_dicts()


@IN_COLUMNS
@given(many(DIGITS))
def test_a_number(texts: list[str]) -> None:
    words = _PLACEHOLDERS["id_no"]
    assert [dict(id_number(text, words)) for text in texts] == id_numbers(values(texts), words).to_dicts()
    assert [dict(credit_code(text, words)) for text in texts] == credit_codes(values(texts), words).to_dicts()
    assert [phone(text, _PLACEHOLDERS["phone"]) for text in texts] == phones(values(texts), _PLACEHOLDERS["phone"]).to_list()


@IN_COLUMNS
@given(many(st.one_of(TEXTS, st.text())))
def test_a_text(texts: list[str]) -> None:
    assert [{"text_signature": signature(text), "text_bands": bands(text)} for text in texts] == signatures(values(texts)).to_dicts()


@pytest.mark.parametrize("make", [person_name, organisation_name, address, id_number, credit_code])
def test_null_is_null_in_every_column(make: Any) -> None:
    assert set(make(None, frozenset()).values()) == {None}


def test_only_ordinary_texts_are_worked_out_here() -> None:
    assert is_ordinary("王小明·A１（2025）") and not is_ordinary("𠮷田") and not is_ordinary("\x00")


def test_patterns_mean_the_same() -> None:
    assert translated("a$") == r"a\Z"
    assert translated(r"a\$[$]") == r"a\$[$]"


_NUMBERS = st.one_of(st.none(), DIGITS)
_SOME = st.one_of(st.none(), TEXTS)
_DATES = st.one_of(st.none(), st.dates(dt.date(1900, 1, 1), dt.date(2030, 12, 31)))
_TIMES = st.one_of(
    st.none(),
    st.integers(0, 40 * 365 * 86_400).map(lambda seconds: dt.datetime(1990, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)),
    st.integers(0, 600).map(lambda days: dt.datetime(2025, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=days)),
)
_ROLES = st.one_of(st.none(), st.sampled_from([*codes.load("role"), "unheard of"]))
_NAMES = ("王小明", "王小名", "王先生", "王生", "王姐", "王晓明", "王", "李王小明", "李小明", "黄军海", "黄车海", "黄军梅", "黄军军海")
_PERSON = st.fixed_dictionaries(
    {
        "record_id": st.sampled_from([1, 2]),
        "department": st.just("labour"),
        "role": _ROLES,
        "name": st.one_of(st.sampled_from([*_NAMES, None]), _SOME),
        "id_no": st.one_of(st.sampled_from(["440311198001010018", "44031119800101001X", "440311800101001", None]), _NUMBERS),
        "phone": st.one_of(st.sampled_from(["13912340001", "13912340002"]), _NUMBERS),
        "address": _SOME,
        "gender": st.sampled_from(["male", "female", None]),
        "birth_date": st.one_of(st.just(dt.date(1980, 1, 2)), st.just(dt.date(1980, 2, 1)), _DATES),
    }
)
_FIRM = st.fixed_dictionaries(
    {
        "record_id": st.sampled_from([1, 2]),
        "department": st.just("labour"),
        "role": _ROLES,
        "name": st.one_of(
            st.sampled_from(
                [
                    "深圳市维珍妮鞋业有限公司",
                    "维珍妮鞋业",
                    "维珍妮",
                    "深圳市维珍妮鞋业有限公司第一分公司",
                    "广州维珍妮电子厂",
                    "唯珍妮鞋业",
                    "公明第一小学",
                    "公明第二小学",
                    "公明第二小雪",
                    "公名第二小学",
                    "公明第二",
                    "维珍妮供应链管理",
                    "维珍妮供应练管理有限公司",
                    "和兴鞋业",
                    "和星",
                    "慧州市和兴鞋业",
                ]
            ),
            _SOME,
        ),
        "uscc": st.one_of(st.sampled_from(["91440300MA5F000018", "91440300MA5F000019"]), _NUMBERS),
        "phone": st.one_of(st.just("075512345670"), _NUMBERS),
        "address": _SOME,
    }
)
_IDS = st.one_of(st.none(), st.lists(st.one_of(st.none(), st.integers(1, 4)), max_size=3))
_CASE = st.fixed_dictionaries(
    {
        "department": st.sampled_from(["labour", "court", None]),
        "case_number": st.one_of(st.sampled_from(["(2026)粤0311民初12号", "（2026）粤 0311 民初12号"]), _SOME),
        "title": _SOME,
        "text": st.one_of(st.sampled_from(["工厂拖欠三个月工资，老板失联了", "工厂拖欠四个月工资，老板失联"]), _SOME),
        "category": st.sampled_from([*list(codes.load("category"))[:8], "other", None]),
        "occurred_at": _TIMES,
        "reported_at": _TIMES,
        "amount": st.one_of(st.none(), st.sampled_from([0.0, 36000.0, 35000.5, 123456789.01])),
        "people_involved": st.one_of(st.none(), st.integers(0, 100)),
        "address": _SOME,
        "street": st.sampled_from([None, *list(codes.streets())[:2], "nowhere"]),
        "community": st.sampled_from([None, *list(codes.communities())[:2]]),
        "longitude": st.one_of(st.none(), st.floats(113, 115)),
        "latitude": st.one_of(st.none(), st.floats(22, 23)),
        "petitioner_persons": _IDS,
        "respondent_persons": _IDS,
        "petitioner_organisations": _IDS,
        "respondent_organisations": _IDS,
        "references": st.one_of(
            st.none(),
            st.lists(
                st.fixed_dictionaries(
                    {"department": st.sampled_from(["court", "labour"]), "number": st.sampled_from(["(2026)粤0311民初12号", "12", " "])}
                ),
                max_size=2,
            ),
        ),
    }
)


def _agree(relation: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
    """Forms and keys of the rows, and the edge of each two of them, are the same either way."""
    model = packaged_model(relation)
    assert is_known(model)
    rows = [{**row, "id": number} for number, row in enumerate(rows)]
    more = {"unique_within": frozenset({"court"})} if relation == "case" else {}
    table = getattr(columns, f"{relation}_forms")(pa.Table.from_pylist(rows, schema=schema), model, **more)
    make = partial(getattr(single, f"{relation}_form"), model=model, **more)
    forms = [make(row) for row in rows]
    assert [{name: form[name] for name in table.column_names} for form in forms] == table.to_pylist()
    keys = pl.DataFrame(blocking_keys(relation, table, model))
    assert {(form["id"], key) for form in forms for key in keys_of(form, model)} == set(keys.rows())
    pairs = list(combinations(range(len(rows)), 2))
    edges = link(relation, table, None, pa.table(list(zip(*pairs, strict=True)), schema=PAIR), model).to_pylist()
    assert [(edge["left"], edge["right"]) for edge in edges] == pairs
    turns = in_turn(model, single.LATER[relation])
    for (left, right), edge in zip(pairs, edges, strict=True):
        pair = weigh_pair(forms[left], forms[right], model)
        assert (pair.decision, pair.match_weight) == (edge["decision"], edge["match_weight"])
        assert list(pair.levels.items()) == list(orjson.loads(edge["levels"]).items())
        in_parts = weigh_in_turn(forms[left], single.parts_of(relation, rows[right], model, **more), turns, model)
        assert in_parts == pair if in_parts or pair.decision in ("link", "review") else in_parts is None


@IN_COLUMNS
@given(many(_PERSON, 2))
def test_two_persons(rows: list[dict[str, Any]]) -> None:
    _agree("person", PERSON_INPUT, rows)


@IN_COLUMNS
@given(many(_FIRM, 2))
def test_two_firms(rows: list[dict[str, Any]]) -> None:
    _agree("organisation", ORGANISATION_INPUT, rows)


@pytest.mark.parametrize(
    ("relation", "one", "other", "made"),
    [
        ("organisation", {"name": "深圳市维珍妮鞋业有限公司"}, {"name": "深圳市维珍妮餐饮有限公司", "phone": "0755-27123456"}, 1),
        ("organisation", {"name": "深圳市维珍妮鞋业有限公司"}, {"name": "维珍妮鞋业", "phone": "0755-27123456"}, 2),
        ("case", {"category": "labour", "petitioner_persons": [1]}, {"category": "noise", "petitioner_persons": [2]}, 1),
        ("case", {"petitioner_persons": [1], "respondent_persons": [3]}, {"petitioner_persons": [1], "respondent_persons": [3]}, 3),
    ],
)
def test_what_is_told_apart_early_is_made_no_further(relation: str, one: dict[str, Any], other: dict[str, Any], made: int) -> None:
    model = packaged_model(relation)
    form = getattr(single, f"{relation}_form")({"id": 0, **one}, model)
    parts = list(single.parts_of(relation, {"id": 1, **other}, model))
    asked: list[int] = []
    weigh_in_turn(form, (asked.append(1) or part for part in parts), in_turn(model, single.LATER[relation]), model)
    assert len(asked) == made


def test_how_rare_a_name_is_may_still_lift_what_is_far_below() -> None:
    model = replace(packaged_model("organisation"), prior=-50.0, rarity={"name": Rarity({}, 1e-6, 0.1)})
    row = {"id": 0, "name": "深圳市维珍妮鞋业有限公司", "phone": "0755-27123456"}
    form = single.organisation_form(row, model)
    turns = in_turn(model, single.LATER["organisation"])
    pair = weigh_in_turn(form, single.parts_of("organisation", row, model), turns, model)
    assert pair is not None
    assert pair == weigh_pair(form, form, model)
    assert pair.decision == "review"


@IN_COLUMNS
@given(many(_CASE, 2))
def test_two_cases(rows: list[dict[str, Any]]) -> None:
    _agree("case", CASE_INPUT, rows)
