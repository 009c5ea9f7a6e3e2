"""A model drafted from a table alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import prod
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import yaml

from hub.errors import RequestError
from matching import draft_blocking
from matching.column_profiles import profiles
from matching.comparison import compare
from matching.evaluation import evaluate
from matching.model_draft import draft
from matching.table_forms import form_of, table_forms, unread
from matching.table_linkage import candidates, link_table
from matching.table_model import read_table_model, table_model_from
from schema.records import PAIR
from tests.unit.matching.table_builders import models_of_families

GIVEN = ("ada", "ben", "cleo", "dan", "eva", "finn", "gwen", "hugo", "iris", "jack", "kate", "liam")
FAMILY = ("stone", "river", "forest", "valley", "meadow", "canyon", "island", "desert", "harbour", "garden")


def people(count: int, seed: int = 3) -> pl.DataFrame:
    """Each person twice, in two systems, the second time with a slip."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        given, family = generator.choice(GIVEN), f"{generator.choice(FAMILY)}{generator.choice('abcdefghij')}"
        born = f"{generator.randint(1940, 2005)}-{generator.randint(1, 12):02}-{generator.randint(1, 28):02}"
        mail = f"{given}.{family}{number % 7}@example.org"
        rows.append((f"a{number}", "crm", given, family, born, mail, str(number)))
        rows.append((f"b{number}", "shop", given, family[:-1], born if number % 3 else None, mail if number % 4 else None, str(number)))
    names = ["record_id", "source", "first_name", "surname", "birth_date", "email", "cluster"]
    return pl.DataFrame(rows, schema=names, orient="row")


def roles(**columns: list[str | None]) -> dict[str, str]:
    return {column.name: column.role for column in profiles(pl.DataFrame(columns))}


def test_columns_are_taken_for_what_their_names_and_values_tell() -> None:
    found = {column.name: column.role for column in profiles(people(200))}
    assert found == {
        "record_id": "id",
        "source": "source",
        "first_name": "category",
        "surname": "name",
        "birth_date": "birth",
        "email": "email",
        "cluster": "truth",
    }


def test_chinese_columns_are_taken_for_the_hubs_own_forms() -> None:
    found = roles(
        姓名=["张伟", "王秀英", "李娜", "欧阳震华"] * 9,
        单位=["深圳市明辉电子有限公司", "光明区第一小学", "东莞宏达制品厂", "维珍妮鞋业公司"] * 9,
        地址=["公明街道建设路9号", "马田街道将石路3号", "玉塘街道长圳路1号2栋", "光明街道华夏路77号"] * 9,
        手机=[f"1391234{place:04}" for place in range(36)],
        代码=[f"91440300MA5{place:06}X" for place in range(36)],
    )
    assert found == {"姓名": "person_name", "单位": "organisation_name", "地址": "address", "手机": "phone", "代码": "uscc"}


def test_numbers_years_places_and_lines_of_words() -> None:
    count = range(60)
    found = roles(
        lat=[f"{40 + place / 100}" for place in count],
        lon=[f"{-73 - place / 100}" for place in count],
        year=[str(1960 + place) for place in count],
        length=[f"{place * 1.37:.2f}" for place in count],
        postcode=[str(2000 + 7 * place) for place in count],
        title=[f"a long line of words about thing {place}" for place in count],
        empty=[None for _ in count],
        same=["x" for _ in count],
    )
    assert found == {
        "lat": "latitude",
        "lon": "longitude",
        "year": "year",
        "length": "number",
        "postcode": "code",
        "title": "phrase",
        "empty": "nothing",
        "same": "nothing",
    }


def test_a_drafted_model_is_read_and_links_the_table(tmp_path: Path) -> None:
    rows = people(300)
    made = draft(rows)
    path = tmp_path / "people.yml"
    path.write_text(yaml.safe_dump(dict(made.document), allow_unicode=True), encoding="utf-8")
    linkage = link_table(rows, read_table_model(path))
    found = evaluate(linkage.clusters["cluster"], rows["cluster"])
    assert found.pairwise.precision > 0.9
    assert found.pairwise.recall > 0.9  # one in twelve has neither birth date nor email in common
    assert not {name for rule in made.rules for name in rule.fields} & {"cluster", "source", "record_id"}


def test_no_rule_brings_nearly_all_rows_together() -> None:
    rows = people(400).with_columns(country=pl.lit("NL"), kind=pl.Series([f"k{place % 3}" for place in range(800)]))
    rules = draft(rows).rules
    assert rules
    assert all(rule.pairs <= 20_000 for rule in rules)
    assert ("kind",) not in {rule.fields for rule in rules}


def test_a_table_with_nothing_to_compare_is_refused() -> None:
    with pytest.raises(RequestError, match="no two columns"):
        draft(pl.DataFrame({"record_id": ["1", "2", "3"], "note": [None, None, None]}, schema={"record_id": pl.String, "note": pl.String}))
    alike = pl.DataFrame({"a": ["x", "y"] * 500, "b": ["u", "v"] * 500})
    with pytest.raises(RequestError, match="bring rows together"):
        draft(alike)


def test_dates_with_the_month_first_are_read_so() -> None:
    drawn = random.Random(2)
    days = [(drawn.randint(1, 12), drawn.randint(1, 28), drawn.randint(1990, 2020)) for _ in range(200)]
    american = pl.DataFrame({"name": [f"firm {n // 2}" for n in range(200)], "founded_date": [f"{m:02}/{d:02}/{y}" for m, d, y in days]})
    european = american.with_columns(founded_date=pl.Series([f"{d:02}/{m:02}/{y}" for m, d, y in days]))
    for rows, is_month_first in ((american, True), (european, False)):
        table = table_model_from(dict(draft(rows).document), "the draft")
        read = form_of(rows, next(field for field in table.fields if field.name == "founded_date"))["founded_date"]
        assert [(one.month, one.day, one.year) for one in read] == days, is_month_first
        assert unread(rows, table) == {}
    by_default = table_model_from({**draft(european).document}, "the draft")
    filled, missed = unread(american, by_default)["founded_date"]
    assert filled == 200
    assert 50 < missed < 150


def test_a_birth_in_two_ways_of_writing_is_a_date() -> None:
    days = [f"{1950 + n % 50}-0{1 + n % 9}-{10 + n % 18}" for n in range(100)]
    assert roles(birth_date=days) == {"birth_date": "birth"}
    mixed = [day if n % 3 else f"{day[8:]}.{day[5:7]}.{day[:4]}" for n, day in enumerate(days)]
    assert roles(birth_date=mixed) == {"birth_date": "birth_date"}
    document = draft(pl.DataFrame({"name": [f"name {n // 2}" for n in range(100)], "birth_date": mixed})).document
    assert {"name": "birth_date", "kind": "date"} in document["comparisons"]


def test_amounts_and_numbers_of_models_are_told_by_their_names() -> None:
    whole = [str(37 * n % 991 + 100) for n in range(300)]
    codes = [f"HV{n:03}X" for n in range(300)]
    assert roles(price=whole, employees=whole, box=whole) == {"price": "number", "employees": "number", "box": "code"}
    assert roles(model_no=codes, sku=codes, reg_no=codes[:-1] + codes[:1]) == {"model_no": "id", "sku": "code", "reg_no": "code"}


def test_a_chinese_record_number_is_the_id() -> None:
    numbers = [f"Z{n:05}" for n in range(300)]
    assert roles(记录号=numbers, 名=[f"店{n}" for n in range(300)])["记录号"] == "id"
    assert roles(记录号=numbers[:-1] + numbers[:1])["记录号"] == "code"
    assert roles(发票号=numbers)["发票号"] == "code"


def test_columns_that_are_called_as_what_stands_beside_levels_get_another_name() -> None:
    rows = people(60).rename({"surname": "left", "first_name": "right", "email": "pairs of it"})
    document = draft(rows).document
    assert {"left_", "pairs of it_"} <= {each["name"] for each in document["comparisons"]}
    assert link_table(rows, table_model_from(dict(document), "the draft")).clusters.num_rows == len(rows)


def test_a_phone_is_the_same_with_and_without_the_countrys_digits() -> None:
    ways = ("+44 20 7946 {:04}", "020 7946 {:04}", "7946 {:04}")
    rows = pl.DataFrame({"name": [f"shop {n // 3}" for n in range(300)], "phone": [ways[n % 3].format(n // 3 * 97) for n in range(300)]})
    table = table_model_from(dict(draft(rows).document), "the draft")
    forms = table_forms(rows, table)
    pairs = pa.table([[0, 0, 1, 0], [1, 2, 2, 3]], names=["left", "right"]).cast(PAIR)
    levels = next(one for one in table.model.comparisons if one.name == "phone").levels
    found = compare(table.model.relation, forms, pairs, table.model).column("phone").to_pylist()
    assert [levels[number - 1].name for number in found] == ["ending", "ending", "ending", "differ"]


def test_rows_meet_by_phones_with_and_without_the_countrys_digits() -> None:
    ways = ("+44 (0)20 7946 {:04}", "020 7946 {:04}", "7946-{:04} ")
    phones = [ways[n % 3].format(n // 3 * 97 % 10_000) for n in range(300)]
    rows = pl.DataFrame({"name": [f"shop {n}" for n in range(300)], "phone": phones})
    document = dict(draft(rows).document)
    table = table_model_from(document, "the draft")
    pairs, _, _ = candidates(table_forms(rows, table), table.model)
    assert {(n, n + 1) for n in range(0, 300, 3)} <= set(zip(pairs["left"].to_pylist(), pairs["right"].to_pylist(), strict=True))
    assert {"from": "phone", "as": "code"}.items() <= document["fields"]["phone_end"].items()


def test_what_is_made_of_a_column_is_not_called_as_another_column_is() -> None:
    rows = pl.DataFrame(
        {
            "phone_end": [f"alpha{n % 37} beta{n % 11}" for n in range(300)],
            "name_start": [str(n % 50 + 1000) for n in range(300)],
            "phone": [f"+44 20 7946 {n // 2 * 97 % 10_000:04}" for n in range(300)],
            "name": [f"shop {n // 2} ltd" for n in range(300)],
        }
    )
    document = draft(rows).document
    assert {name: document["fields"][name]["from"] for name in ("phone_end", "name_start")} == {name: name for name in rows.columns[:2]}
    assert {entry["name"] for entry in document["comparisons"]} >= {"phone_end", "name_start"}


def test_codes_within_titles_bring_rows_together_and_are_compared() -> None:
    rows = models_of_families().drop("model_no")
    drafted = draft(rows, "product")
    assert [column.name for column in drafted.columns if column.has_codes] == ["title"]
    document = drafted.document
    met, _, _ = candidates(table_forms(rows, (table := table_model_from(dict(document), "the draft"))), table.model)
    pairs = zip(met["left"].to_pylist(), met["right"].to_pylist(), strict=True)
    sizes = rows.group_by("product").len()["len"].cast(pl.Int64)
    assert sum(rows["product"][one] == rows["product"][other] for one, other in pairs) > 0.99 * int((sizes * (sizes - 1)).sum()) / 2
    assert {"name": "title_code", "kind": "code"} in document["comparisons"]
    without = {
        **{name: part for name, part in document.items() if name != "told_apart_by"},
        "blocking": [rule for rule in document["blocking"] if rule["fields"] != ["title_code"]],
        "comparisons": [each for each in document["comparisons"] if each["name"] != "title_code"],
    }
    found, fewer = (
        evaluate(pl.DataFrame(link_table(rows, table_model_from(each, "the draft")).clusters).sort("id")["cluster"], rows["product"])
        for each in (dict(document), without)
    )
    assert found.pairwise.f1 > max(0.75, fewer.pairwise.f1)
    plain = draft(rows.with_columns(title=pl.col("title").str.replace_all(r"\d", "")), "product")
    assert not any(column.has_codes for column in plain.columns)


def test_columns_that_are_called_as_parts_of_a_name_get_another_name() -> None:
    drawn = random.Random(4)
    firms = [f"深圳市{one}{two}科技有限公司" for one in "维珍远大鸿图华光金鹏" for two in "达兴隆昌盛"]
    names = [f"{family}{one}{two}" for family in "王李张刘陈" for one in "伟芳娜敏静" for two in "丽强磊军洋"]
    cells = [(drawn.choice(names), drawn.choice(firms), drawn.choice(("深圳", "东莞")), f"1391234{n // 2:04}") for n in range(300)]
    rows = pl.DataFrame(cells, schema=["姓名", "单位", "city", "手机"], orient="row")
    table = table_model_from(dict(draft(rows).document), "the draft")
    assert {"姓名": "person_name", "单位": "organisation_name", "city_": "code"}.items() <= {f.name: f.form for f in table.fields}.items()
    forms = table_forms(rows, table)
    assert forms["name"].to_pylist() == rows["姓名"].to_list()
    assert forms["city_"].to_pylist() == rows["city"].to_list()


@pytest.mark.parametrize(
    ("written", "form"),
    [
        pytest.param("{y}.{m:02}.{d:02}", "date", id="year first, with dots"),
        pytest.param("{d:02}-{m:02}-{y}", "date", id="day first, with dashes"),
        pytest.param("{m:02}/{late}/{y}", "date", id="month first alone"),
        pytest.param("{y}-{late}-{late}", "text", id="no date"),
    ],
)
def test_what_is_taken_for_a_date_is_read_or_made_a_text(written: str, form: str) -> None:
    drawn = random.Random(2)
    days = [{"y": drawn.randint(1990, 2020), "m": drawn.randint(1, 12), "d": drawn.randint(1, 28)} for _ in range(100)] * 2
    dates = [written.format(**day, late=13 + day["d"] % 15) for day in days]
    rows = pl.DataFrame({"name": [f"{GIVEN[n % 12]} {FAMILY[n % 10]}" for n in range(200)], "event_date": dates})
    table = table_model_from(dict(draft(rows).document), "the draft")
    assert {field.name: field.form for field in table.fields}["event_date"] == form
    assert table_forms(rows, table)["event_date"].null_count == 0
    assert link_table(rows, table).edges.num_rows


def test_two_columns_of_long_texts_are_not_tried_together(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, tried = random.Random(1), list[int]()

    def pairs(keys: Sequence[pl.Series]) -> int:
        tried.append(prod(series.list.len().mean() or 0 for series in keys if isinstance(series.dtype, pl.List)) * len(keys[0]))
        return counted(keys)

    counted = draft_blocking._pairs
    monkeypatch.setattr(draft_blocking, "_pairs", pairs)
    monkeypatch.setattr(draft_blocking, "_MOST_KEYS", 50_000, raising=False)
    monkeypatch.setattr(draft_blocking, "_LEAST_PAIRS", 1_000)  # so that a word alone is too loose
    texts = [[" ".join(drawn.sample(GIVEN + FAMILY, 20)) for _ in range(300)] for _ in range(2)]
    names = [f"{drawn.choice(GIVEN)} {drawn.choice(FAMILY)}{n % 40}" for n in range(300)]
    assert draft(pl.DataFrame({"title": texts[0], "abstract": texts[1], "name": names})).rules
    assert max(tried) <= 50_000
