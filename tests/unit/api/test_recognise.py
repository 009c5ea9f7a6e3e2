"""What was typed into the one box."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.lookups.columns import ENTRY
from api.lookups.reading import numbers_asked
from api.recognise import MAX_CHARACTERS, Kind, holds_identifier, numbers_in, recognise
from hub.errors import RequestError
from schema.search import query_of


@pytest.mark.parametrize(
    ("entry", "kind", "values"),
    [
        pytest.param("11010519491231002X", Kind.ID_NUMBER, ("11010519491231002X", "110105491231002"), id="18 digits, of the last century"),
        pytest.param("11010519491231002x", Kind.ID_NUMBER, ("11010519491231002X", "110105491231002"), id="small x"),
        pytest.param("110105200512310025", Kind.ID_NUMBER, ("110105200512310025",), id="18 digits, of this century"),
        pytest.param("130503670401001", Kind.ID_NUMBER, ("130503670401001", "130503196704010016"), id="15 digits"),
        pytest.param("E12345678", Kind.ID_NUMBER, ("E12345678",), id="passport"),
        pytest.param("440311199013011234", Kind.PARTIAL_NUMBER, (), id="no such day"),
        pytest.param("13800138000", Kind.PHONE, ("13800138000",), id="mobile"),
        pytest.param("(0755) 27000000", Kind.PHONE, ("075527000000",), id="landline"),
        pytest.param("91440300MA5EFT1X2A", Kind.CREDIT_CODE, ("91440300MA5EFT1X2A",), id="credit code"),
        pytest.param("0D3F7B52-6A54-5A2E-9F0E-8A2B7C1D4E5F", Kind.CASE_ID, ("0d3f7b52-6a54-5a2e-9f0e-8a2b7c1d4e5f",), id="case id"),
        pytest.param("粤0311民初〔2025〕123号", Kind.CASE_NUMBER, (), id="court number"),
        pytest.param("王小明", Kind.NAME, (), id="name"),
        pytest.param("歐陽娜娜", Kind.NAME, (), id="traditional compound surname"),
        pytest.param("张先生", Kind.NAME, (), id="masked name"),
        pytest.param("维珍妮鞋业有限公司", Kind.ORGANISATION, (), id="firm"),
        pytest.param("玉塘街道田寮路", Kind.ADDRESS, (), id="address"),
        pytest.param("拖欠工资 不发", Kind.WORDS, (), id="words"),
    ],
)
def test_recognise(entry: str, kind: Kind, values: tuple[str, ...]) -> None:
    reading = recognise(entry)
    assert (reading.kind, reading.values) == (kind, values)


def test_numbers_are_looked_for_in_every_kind_of_brackets() -> None:
    forms = recognise("xf[2025]17号").numbers
    assert {"XF〔2025〕17号", "XF(2025)17号", "XF（2025）17号", "XF【2025】17号", "XF[2025]17号", "xf[2025]17号"} <= set(forms)
    assert recognise("拖欠工资").numbers == ()


@pytest.mark.parametrize("entry", ["", "   ", "\x00", "\n\t", "字" * (MAX_CHARACTERS + 1)])
def test_nothing_or_too_much_is_refused(entry: str) -> None:
    with pytest.raises(RequestError):
        recognise(entry)


@pytest.mark.parametrize(
    "entry",
    [
        "13800138000",
        "138-0013-8000",
        "+86 13800138000",
        "008613800138000",
        "１３８００１３８０００",
        "1 3 8 0 0 1 3 8 0 0 0",
        "找王伟13800138000",
        "0755-27000000",
        "075527000000",
        "44031119900101123X",
        "440311 19900101 123x",
        "440311.19900101.1237",
        "440311900101123",
        "a440311199001011237b",
        "91440300MA5EFT1X2A",
        "91440300ma5eft1x2a",
        "E12345678",
        "H12345678",
        "姓名王伟，证件44031119900101123X",
        "欠薪 138     0013     8000",
        "1\u00a0.3800138000",
        "欠薪 440311\t\t\t19900101\u3000\u3000\u3000123x",
    ],
)
def test_identifiers_are_seen_wherever_they_stand(entry: str) -> None:
    assert holds_identifier(entry)


@pytest.mark.parametrize(
    "entry",
    [
        "王小明",
        "玉塘街道12号",
        "XF〔2025〕17号",
        "(2025)粤0311民初1234号",
        "LD2025-0103-0017",
        "12345",
        "GMXF20250103000123",
        "2025-01-03 08:00",
        "36000元",
    ],
)
def test_other_numbers_may_stand_in_a_url(entry: str) -> None:
    assert not holds_identifier(entry)


@settings(max_examples=200, deadline=1000)
@given(st.text(max_size=MAX_CHARACTERS))
def test_any_text_is_read_or_refused(entry: str) -> None:
    holds_identifier(entry)
    try:
        reading = recognise(entry)
    except RequestError:
        return
    assert "\x00" not in "".join((reading.text, *reading.values, *reading.numbers))


def test_a_hostile_entry_costs_no_time() -> None:
    import time

    began = time.perf_counter()
    for entry in ("1 " * 100, "0" * 200, "1" * 17 + " " + "-" * 180, "A" * 200, "(0)" * 66):
        holds_identifier(entry)
        recognise(entry)
    assert time.perf_counter() - began < 1


_NUMBERS = st.sampled_from(["13800138000", "44031119900101123X", "440311900101123", "075527000000", "8613800138000"])
_BETWEEN = st.text(st.sampled_from(" \t\n\u3000\u00a0\u200b\u00ad\u0301\x00-－—.·()（）+/,，"), max_size=4)
_AROUND = st.text(st.sampled_from("欠薪王Aax9A1é第号 \t\u3000-.("), max_size=8)


@st.composite
def _numbers_in_pieces(draw: st.DrawFn) -> str:
    number = draw(_NUMBERS)
    cuts = sorted(draw(st.sets(st.integers(1, len(number) - 1), max_size=4)))
    pieces = [number[start:end] for start, end in zip([0, *cuts], [*cuts, len(number)], strict=True)]
    wide = draw(st.sampled_from(["", " " * 190]))
    return (
        draw(_AROUND)
        + wide
        + "".join(piece + (draw(_BETWEEN) if place < len(pieces) else "") for place, piece in enumerate(pieces, 1))
        + draw(_AROUND)
    )


_SEARCHED_WHOLE = re.compile(r"1[3-9]\d{9}|0\d{9,11}|[1-9]\d{14}|[1-9]\d{16}[\dx]")


@settings(max_examples=500, deadline=1000)
@given(_numbers_in_pieces())
def test_what_is_searched_as_a_whole_number_counts_as_one(entry: str) -> None:
    reading = recognise(entry)
    searched = {token for written in reading.texts for token in query_of(written).tokens}
    if any(map(_SEARCHED_WHOLE.fullmatch, searched)):
        assert numbers_in(entry) == 1
        assert numbers_asked([[entry]], [ENTRY]) == 1
        assert reading.kind is Kind.CREDIT_CODE or holds_identifier(entry)
