"""Pieces of what is shown, and the places in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.highlights import FRAGMENT, piece_of, piece_of_end, piece_of_number, sought
from api.masking import mask_text


def marked(text: str | None, *asked: str) -> list[str]:
    piece = piece_of(text, sought(asked))
    return [] if piece is None else [piece.text[start:end] for start, end in piece.marks]


def test_whole_words_then_pieces_of_them() -> None:
    assert marked("反映某厂拖欠工资，拖欠三月", "拖欠工资") == ["拖欠工资"]
    assert marked("反映某厂拖欠三月工资", "拖欠工资") == ["拖欠", "工资"]
    assert marked("反映某厂拖欠三月工资", "拖欠", "工资") == ["拖欠", "工资"]
    assert marked("反映某厂", "噪音") == marked(None, "噪音") == marked("", "噪音") == []


def test_places_are_those_of_the_text_as_it_is_shown() -> None:
    assert marked("維珍妮鞋業ＡＢＣ㎡欠薪", "维珍妮", "abc", "欠薪") == ["維珍妮", "ＡＢＣ", "欠薪"]


def test_a_long_text_is_cut_around_the_first_place() -> None:
    piece = piece_of("前" * 500 + "噪音扰民" + "后" * 500, sought(["噪音扰民"]))
    assert piece is not None
    assert len(piece.text) == FRAGMENT
    assert [piece.text[start:end] for start, end in piece.marks] == ["噪音扰民"]
    assert piece_of("前" * 5_000 + "噪音", sought(["噪音"])) is None  # it is looked through to an end


def test_what_is_masked_is_marked_nowhere() -> None:
    shown = mask_text("王小明，电话13800138000，欠薪", ["王小明"])
    assert marked(shown, "王小明") == marked(shown, "小明") == marked(shown, "13800138000") == []
    assert marked(shown, "欠薪") == ["欠薪"]


def test_a_part_of_a_number_across_its_marks() -> None:
    for number, part in (("XF〔2025〕17号", "202517"), ("LD2025-0103-0017", "01030017"), ("（2025）粤0311民初99号", "粤0311民初99")):
        piece = piece_of_number(number, part)
        assert piece is not None
        [(start, end)] = piece.marks
        assert piece.text == number
        assert number[start:end].replace("〕", "").replace("-", "") == part
    assert piece_of_number("XF17", "999") is None
    assert piece_of_number(None, "17") is None


def test_the_end_of_a_masked_number() -> None:
    piece = piece_of_end("138****8000", "8000")
    assert piece is not None
    assert piece.marks == ((7, 11),)
    assert piece_of_end("****00", "8000") is None


@given(st.text(max_size=200), st.lists(st.text(max_size=8), max_size=4))
def test_marks_lie_in_the_piece_and_the_piece_in_the_text(text: str, asked: list[str]) -> None:
    piece = piece_of(text, sought(asked))
    if piece is not None:
        assert piece.text in text
        assert all(0 <= start < end <= len(piece.text) for start, end in piece.marks)
        assert list(piece.marks) == sorted(piece.marks)
