"""One rule for what makes a number hold: VALIDATE's, matching's over columns and of one value, and the standards' own."""

from __future__ import annotations

import polars as pl
import pytest
from stdnum.cn import ric, uscc

from matching import identifiers as columns
from matching.single import identifiers as single
from pipeline.columns import checks
from schema.identifiers import code_check, id_check

_NOTHING: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("first", "holds"),
    [
        ("44030619900101123", True),
        ("91015619850304001", True),  # a foreigner with a permanent residence
        ("83000019850304001", True),  # a resident of Taiwan
        ("16000019850304001", False),  # no such province
        ("90015619850304001", False),
        ("44030618850304001", True),  # long dead, and no slip by that alone
        ("44030617850304001", False),
        ("44030619850231001", False),  # no such day
    ],
)
def test_an_id_number_holds_for_all_or_for_none(first: str, holds: bool) -> None:
    number = first + id_check(first)
    assert checks.id_number_checksum(pl.Series([number]))[0] is holds
    state = columns.id_numbers(pl.Series([number]), _NOTHING)["id_state"][0]
    assert state == single.id_number(number, _NOTHING)["id_state"]
    assert state == ("verified" if holds else "broken")
    other = first + id_check(str(int(first) ^ 1))
    assert other != number
    assert checks.id_number_checksum(pl.Series([other]))[0] is False
    assert columns.id_numbers(pl.Series([other]), _NOTHING)["id_state"][0] == single.id_number(other, _NOTHING)["id_state"] == "broken"


@pytest.mark.parametrize("first", ["91440300MA5ECL7R", "12440311G3479382", "91110000600037341"[:16]])
def test_the_check_characters_are_the_standards(first: str) -> None:
    for last in "0123456789ABCDEFGHJKLMNPQRTUWXY":
        body = first + last
        code = body + code_check(body)
        assert uscc.calc_check_digit(body) == code[17]
        assert checks.credit_code_checksum(pl.Series([code]))[0] is True
        assert columns.credit_codes(pl.Series([code]), _NOTHING)["uscc_state"][0] == "verified"
        assert single.credit_code(code, _NOTHING)["uscc_state"] == "verified"
    assert ric.calc_check_digit("44030619900101123x") == id_check("44030619900101123")
