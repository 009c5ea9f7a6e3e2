"""Which characters are taken for each other, from two tables that were worked out from outlines and from components."""

from __future__ import annotations

import pytest

from matching.name_comparison import one_looks_like
from matching.vocabulary import look_alike


@pytest.mark.parametrize(("one", "other"), ["未末", "辛梓", "男勇", "婷停", "嘉喜"])
def test_characters_of_like_outlines_or_of_a_telling_component_look_alike(one: str, other: str) -> None:
    assert look_alike(one, other)
    assert look_alike(other, one)


@pytest.mark.parametrize(("one", "other"), ["伟芳", "国静", "李梓", "明强", "一勇"])
def test_others_do_not(one: str, other: str) -> None:
    assert not look_alike(one, other)
    assert not look_alike(other, one)


def test_a_name_looks_like_another_where_one_character_does() -> None:
    assert one_looks_like("陈辛涵", "陈梓涵")
    assert not one_looks_like("陈辛涵", "陈梓函")
    assert not one_looks_like("辛", "梓")
    assert not one_looks_like("陈辛", "陈梓涵")
