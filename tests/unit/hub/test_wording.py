"""What is told in both languages."""

from __future__ import annotations

from hub.wording import Words


def test_chinese_comes_first_and_phrases_stay_in_their_language() -> None:
    several = Words.listed([Words("缺列 a", "missing_column a"), Words("缺列 b", "missing_column b")])
    assert several == ("缺列 a；缺列 b", "missing_column a; missing_column b")
    assert str(several) == "缺列 a；缺列 b · missing_column a; missing_column b"
