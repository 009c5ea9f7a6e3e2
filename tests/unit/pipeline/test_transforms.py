"""Every transform of the registry: the awkward forms that departments write, what is empty, and what is refused."""

from __future__ import annotations

import datetime
import time
from decimal import Decimal

import polars as pl
import pytest

from connectors import words
from pipeline.columns.transforms import TRANSFORMS, Options

REFUSED = "refused"


def read(name: str, value: str | None, **options: object) -> object:
    """The value as read, or REFUSED."""
    outcome = TRANSFORMS[name](pl.Series([value], dtype=pl.String), Options(**options))
    assert len(outcome.values) == len(outcome.refused) == 1
    if outcome.refused[0]:
        assert outcome.values[0] is None
        return REFUSED
    return outcome.values[0]


def test_the_registry_is_what_contracts_may_say() -> None:
    assert tuple(TRANSFORMS) == words.TRANSFORMS


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if not name.startswith("gcj02")])
@pytest.mark.parametrize("value", [None, "", " ", "\u3000\t\n", "\ufeff", "无", "-", "—", "NULL", "N/A"])
def test_what_says_nothing_is_null(name: str, value: str | None) -> None:
    assert read(name, value) is None


@pytest.mark.parametrize("name", ["datetime", "money", "integer", "boolean", "id_no", "uscc", "phone", "street", "gender", "longitude"])
def test_unknown_is_null_where_words_cannot_stand(name: str) -> None:
    assert read(name, "不详") is None


@pytest.mark.parametrize("name", list(TRANSFORMS))
def test_an_empty_column_stays_empty(name: str) -> None:
    outcome = TRANSFORMS[name](pl.Series([], dtype=pl.String), Options())
    assert len(outcome.values) == 0
    assert len(outcome.refused) == 0


def test_order_and_repeats_survive_work_on_distinct_values() -> None:
    values = pl.Series(["0755-26001234", None, "x", "13800138000", "0755-26001234", "×"], dtype=pl.String)
    outcome = TRANSFORMS["phone"](values, Options())
    assert outcome.values.to_list() == ["075526001234", None, None, "13800138000", "075526001234", None]
    assert outcome.refused.to_list() == [False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("text", "\n\t\t\u3000您好， 我是 ＡＢ\u3000", "您好， 我是 ＡＢ", id="text keeps what is inside"),
        pytest.param("upper", "（2026）粤 0311 民初 1号a", "(2026)粤0311民初1号A", id="upper"),
        pytest.param("person_name", " 张\u3000三\u200b", "张三", id="blanks inside a name"),
        pytest.param("person_name", "王 小 明", "王小明", id="blanks between all characters"),
        pytest.param("person_name", "John  Smith", "John Smith", id="Latin name keeps one blank"),
        pytest.param("person_name", "买买提•吐尔逊", "买买提·吐尔逊", id="one dot for all"),
        pytest.param("person_name", "张**", "张**", id="masked name stays"),
        pytest.param("person_name", "A00074011", "A00074011", id="user name"),
        pytest.param("person_name", "138", REFUSED, id="a figure is no name"),
        pytest.param("org_name", "深圳市（光明）有限公司 ", "深圳市(光明)有限公司", id="full-width brackets"),
        pytest.param("party_name", "ＡＢＣ 公司", "ABC公司", id="full-width letters"),
        pytest.param("address", "深圳市 光明区\u3000光明大道１０号", "深圳市光明区光明大道10号", id="address"),
    ],
)
def test_words(name: str, value: str, expected: object) -> None:
    assert read(name, value) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("1234.5", None, Decimal("1234.50")),
        ("¥1,234.50元", None, Decimal("1234.50")),
        ("￥１，２３４．５０元", None, Decimal("1234.50")),
        ("人民币500元整", None, Decimal("500.00")),
        ("1.5万", None, Decimal("15000.00")),
        ("1.2亿元", None, Decimal("120000000.00")),
        ("-20", None, Decimal("-20.00")),
        ("1.005", None, Decimal("1.01")),
        ("1e3", None, Decimal("1000.00")),
        ("1.5", "CNY_10k", Decimal("15000.00")),
        ("500元", "CNY_10k", Decimal("500.00")),
        ("2万元", "CNY_10k", Decimal("20000.00")),
        ("12,5", None, REFUSED),
        ("约5000", None, REFUSED),
        ("三千元", None, REFUSED),
        ("99999999999999999", None, REFUSED),
    ],
)
def test_money(value: str, unit: str | None, expected: object) -> None:
    assert read("money", value, unit=unit) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("integer", "3", 3),
        ("integer", "３人", 3),
        ("integer", "1,234", 1234),
        ("integer", "3.0", 3),
        ("integer", "-1", -1),
        ("integer", "3.5", REFUSED),
        ("integer", "约3", REFUSED),
        ("decimal", "1,234.5", 1234.5),
        ("decimal", "１．５", 1.5),
        ("decimal", "inf", REFUSED),
        ("boolean", "是", True),
        ("boolean", "否", False),
        ("boolean", "y", True),
        ("boolean", "0", False),
        ("boolean", "TRUE", True),
        ("boolean", "匿名", REFUSED),
    ],
)
def test_figures(name: str, value: str, expected: object) -> None:
    assert read(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("id_no", "44030619900101123x", "44030619900101123X"),
        ("id_no", "'４４０３０６ 19900101-1234", "440306199001011234"),
        ("id_no", "440306900101123", "440306900101123"),
        ("id_no", "H12345678", "H12345678"),
        ("id_no", "E12345678", "E12345678"),
        ("id_no", "440306********1234", None),
        ("id_no", "44030619900101123", REFUSED),
        ("id_no", "张三", REFUSED),
        ("uscc", "91440300ma5f0abc1x", "91440300MA5F0ABC1X"),
        ("uscc", "440301103097413", "440301103097413"),
        ("uscc", "12345678-9", "123456789"),
        ("uscc", "无证", REFUSED),
        ("phone", "13800138000", "13800138000"),
        ("phone", "+86 138-0013-8000", "13800138000"),
        ("phone", "008613800138000", "13800138000"),
        ("phone", "0755-26001234", "075526001234"),
        ("phone", "(0755)26001234-801", "075526001234"),
        ("phone", "0755-26001234转801", "075526001234"),
        ("phone", "86-755-26001234", "075526001234"),
        ("phone", "010-62001234", "01062001234"),
        ("phone", "1391234-5678", "13912345678"),
        ("phone", "13800138000/13900139000", "13800138000"),
        ("phone", "电话：13800138000", "13800138000"),
        ("phone", "+852 9123 4567", "+85291234567"),
        ("phone", "4008001234", "4008001234"),
        ("phone", "26001234", "26001234"),
        ("phone", "138****0000", None),
        ("phone", "138xxxx0000", None),
        ("phone", "电话", REFUSED),
        ("phone", "13812345678.0", "13812345678"),
        ("phone", "+8613812345678.0", "13812345678"),
        ("phone", "075526001234.0", "075526001234"),
        ("phone", "1.38123E+10", REFUSED),
        ("phone", "1.38e10", REFUSED),
        ("phone", "１．３８ Ｅ＋１０", REFUSED),
        ("phone", "1.3812345678E+10、13900139000", REFUSED),
        ("phone", "1.38123", REFUSED),
        ("phone", "13812345678.5", REFUSED),
        ("phone", "0755.2600.1234", "075526001234"),
        ("phone", "138.0013.8000", "13800138000"),
        ("phone", "13800138000,13900139000", "13800138000"),
        ("phone", "13800138000 13900139000", "13800138000"),
        ("phone", "138-0013-8000\u3000139 0013 9000", "13800138000"),
        ("phone", "0755-26001234/+86 13900139000", "13900139000"),
        ("phone", "0755-26001234 (0755)27001234", "075526001234"),
        ("gender", "男", "male"),
        ("gender", "2", "female"),
        ("gender", "Ｆ", "female"),
        ("gender", "9", None),
        ("gender", "x", REFUSED),
    ],
)
def test_identifiers(name: str, value: str, expected: object) -> None:
    assert read(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("street", "光明街道", "440311001"),
        ("street", "公明街道办事处", "440311002"),
        ("street", "深圳市光明区马田街道", "440311006"),
        ("street", "光明街道东周社区", "440311001"),
        ("street", "440311001", "440311001"),
        ("street", "440311001000", "440311001"),
        ("street", "４４０３０６００７", "440311002"),
        ("street", "440306002005", "440311003"),  # a community that changed its street
        ("street", "南山街道", None),
        ("street", "440305001", REFUSED),
        ("community", "东周", "440311001002"),
        ("community", "光明街道东周社区", "440311001002"),
        ("community", "光明区光明街道办事处东周社区居委会", "440311001002"),
        ("community", "440306002005", "440311003001"),
        ("community", "别的社区", None),
        ("community", "999999999999", REFUSED),
        ("longitude", "113.9", 113.9),
        ("longitude", "0", None),
        ("longitude", "200", REFUSED),
        ("latitude", "22.7", 22.7),
        ("latitude", "113.9", REFUSED),
    ],
)
def test_places(name: str, value: str, expected: object) -> None:
    assert read(name, value) == expected


SHANGHAI_3_04_05 = datetime.datetime(2026, 1, 1, 19, 4, 5, tzinfo=datetime.UTC)
MIDNIGHT = datetime.datetime(2026, 1, 1, 16, tzinfo=datetime.UTC)
AFTERNOON = datetime.datetime(2026, 1, 2, 7, 4, tzinfo=datetime.UTC)


DATETIMES = [
    ("2026-01-02 03:04:05", SHANGHAI_3_04_05),
    ("2026-01-02T03:04:05", SHANGHAI_3_04_05),
    ("2026-01-02T03:04:05+08:00", SHANGHAI_3_04_05),
    ("2026-01-01T19:04:05Z", SHANGHAI_3_04_05),
    ("2026-01-01T16:04:05-0300", SHANGHAI_3_04_05),
    ("2026-01-02 03:04:05.250", SHANGHAI_3_04_05.replace(microsecond=250_000)),
    ("2026-1-2 3:04:05", SHANGHAI_3_04_05),
    ("2026/1/2 3:04:05", SHANGHAI_3_04_05),
    ("2026.1.2 3:04:05", SHANGHAI_3_04_05),
    ("2026年1月2日 3时4分5秒", SHANGHAI_3_04_05),
    ("2026年01月02日03:04:05", SHANGHAI_3_04_05),
    ("２０２６－０１－０２　０３：０４：０５", SHANGHAI_3_04_05),
    ("20260102030405", SHANGHAI_3_04_05),
    ("20260102T030405", SHANGHAI_3_04_05),
    ("2026-01-02 24:00:00", MIDNIGHT + datetime.timedelta(days=1)),
    ("2026-01-02", MIDNIGHT),
    ("2026/1/2", MIDNIGHT),
    ("2026年1月2日", MIDNIGHT),
    ("20260102", MIDNIGHT),
    ("2026年1月2日 下午3:04", AFTERNOON),
    ("2026-01-02 3:04 PM", AFTERNOON),
    ("0000-00-00 00:00:00", None),
    ("2026-02-30", REFUSED),
    ("2026-13-01 00:00:00", REFUSED),
    ("2026-01-02 25:00:00", REFUSED),
    ("26-01-02", REFUSED),
    ("0202-01-02", REFUSED),
    ("1月2日", REFUSED),
    ("昨天", REFUSED),
]


@pytest.mark.parametrize(("value", "expected"), DATETIMES)
def test_datetime(value: str, expected: object) -> None:
    assert read("datetime", value) == expected


@pytest.mark.parametrize("order", [1, -1])
def test_a_column_of_many_forms_is_read_as_each_value_alone(order: int) -> None:
    forms = [(value, expected) for value, expected in DATETIMES[::order] for _ in range(2)]
    outcome = TRANSFORMS["datetime"](pl.Series([value for value, _ in forms]), Options())
    assert [REFUSED if refused else value for value, refused in zip(outcome.values, outcome.refused, strict=True)] == [
        expected for _, expected in forms
    ]


def test_the_contracts_time_zone_applies() -> None:
    assert read("datetime", "2026-01-02 03:04:05", timezone="UTC") == datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def test_own_formats_come_first_and_the_usual_ones_after() -> None:
    day_first = ("%d/%m/%Y", "%d.%m.%Y %H:%M %z")
    assert read("datetime", "05/01/2026", formats=day_first) == datetime.datetime(2026, 1, 4, 16, tzinfo=datetime.UTC)
    assert read("datetime", "02.01.2026 04:04 +0900", formats=day_first) == SHANGHAI_3_04_05.replace(second=0)
    assert read("datetime", "2026-01-02", formats=day_first) == MIDNIGHT
    assert read("datetime", "13/13/2026", formats=day_first) == REFUSED


def test_an_hour_that_summer_time_skipped_is_refused_and_one_it_repeated_is_the_first() -> None:
    assert read("datetime", "1986-05-04 02:30:00") == REFUSED
    assert read("datetime", "1986-09-14 01:30:00") == datetime.datetime(1986, 9, 13, 16, 30, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("date", "1990-01-02", datetime.date(1990, 1, 2)),
        ("date", "1990-1-2 00:00:00", datetime.date(1990, 1, 2)),
        ("date", "1990年1月2日", datetime.date(1990, 1, 2)),
        ("date", "19900102", datetime.date(1990, 1, 2)),
        ("date", "1990-02-30", REFUSED),
        ("excel_date", "46024", MIDNIGHT),
        ("excel_date", "46024.127835648", SHANGHAI_3_04_05),
        ("excel_date", "2026/1/2 3:04:05", SHANGHAI_3_04_05),
        ("excel_date", "20260102", MIDNIGHT),
        ("excel_date", "0.3", REFUSED),
        ("epoch", "1767294245", SHANGHAI_3_04_05),
        ("epoch", "1767294245000", SHANGHAI_3_04_05),
        ("epoch", "1767294245000000", SHANGHAI_3_04_05),
        ("epoch", "0", None),
        ("epoch", "now", REFUSED),
    ],
)
def test_other_times(name: str, value: str, expected: object) -> None:
    assert read(name, value) == expected


def test_a_phone_with_thousands_of_blanks_in_it_is_read_at_once() -> None:
    start = time.process_time()
    assert read("phone", "0755-2600" + " " * 50_000 + "1234 (王)") == "075526001234"
    assert time.process_time() - start < 5
