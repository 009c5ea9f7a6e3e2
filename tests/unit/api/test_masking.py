"""Personal values, masked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.masking import mask_address, mask_birth_date, mask_id_no, mask_name, mask_phone, mask_text


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("王小明", "王**"),
        ("王伟", "王**"),
        ("欧阳娜娜", "欧阳**"),
        ("歐陽娜娜", "歐陽**"),
        ("欧阳", "欧**"),
        ("张先生", "张**"),
        ("John Smith", "J**"),
        ("王", "王**"),
        ("", "**"),
    ],
)
def test_names(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("44031119900101123X", "4403**********123X"),
        ("440311900101123", "4403*******1123"),
        ("E12345678", "E*******8"),
        ("12345", "1****5"),
        ("", "****"),
    ],
)
def test_id_numbers(number: str, masked: str) -> None:
    assert mask_id_no(number) == masked


@pytest.mark.parametrize(
    ("number", "masked"), [("13800138000", "138****8000"), ("075527000000", "****00"), ("12345", "****"), ("+85212345678", "****78")]
)
def test_phones(number: str, masked: str) -> None:
    assert mask_phone(number) == masked


def test_addresses_and_birth_dates() -> None:
    assert mask_address("光明区玉塘街道田寮路12号3栋B座502") == "光明区玉塘街道田寮路*号*栋*座*"
    assert mask_birth_date("1990-01-01") == "1990-**-**"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param("身份证44031119900101123x，电话13800138000", "身份证4403**********123x，电话138****8000", id="plain"),
        pytest.param("电话 138 0013 8000", "电话 138****8000", id="spaced phone"),
        pytest.param("电话１３８００１３８０００", "电话138****8000", id="full width"),
        pytest.param("440311 19900101 1237", "4403**********1237", id="spaced ID number"),
        pytest.param("座机0755-27000000", "座机****00", id="landline"),
        pytest.param("旧证440311900101123", "旧证4403*******1123", id="15 digits"),
        pytest.param("王小明和王小明的妻子欧阳娜娜", "王**和王**的妻子欧阳**", id="names"),
        pytest.param("拖欠36000元，3人", "拖欠36000元，3人", id="other numbers stay"),
        pytest.param("５号楼，王小明", "５号楼，王**", id="short numbers stay as written"),
        pytest.param("5号１３８-0013-8000", "5号138****8000", id="mixed widths"),
        pytest.param("电话１３８－００１３－８０００", "电话138****8000", id="separators of full width"),
        pytest.param("工单20250103000123456789012345", "工单20250103000123456789012345", id="long numbers of other kinds stay"),
    ],
)
def test_free_text(text: str, masked: str) -> None:
    assert mask_text(text, ["王小明", "欧阳娜娜", "王", ""]) == masked


@given(st.from_regex(r"\A[1-9][0-9]{16}[0-9X]\Z"), st.from_regex(r"\A1[3-9][0-9]{9}\Z"), st.text("，。 的电话", max_size=5))
def test_no_number_is_left_whole(number: str, phone: str, between: str) -> None:
    masked = mask_text(f"{between}{number}，{between}{phone}{between}", [])
    assert number not in masked
    assert phone not in masked
