"""Which tokens stand in which texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schema.folding import fold_text
from schema.occurrences import tokens_in
from schema.search import bigrams

_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cn")) | st.sampled_from("光明區欠薪号〇々12AbＡ５ \n，(（"), max_size=60)


def test_figures_inside_a_long_number_are_told_of_none_who_does_not_know_it() -> None:
    texts = ["致电138-5726-4913", "门牌5726", "致电１３８５７２６４９１３，5726室"]
    assert tokens_in(texts, ["5726", "致电"]) == [0b10, 0b01, 0b11]
    assert tokens_in(texts, ["13857264913"]) == [1, 0, 1]


@given(st.lists(_TEXTS, max_size=4), _TEXTS)
def test_tokens_are_found_in_many_texts_as_in_each(texts: list[str], asked: str) -> None:
    tokens = bigrams(asked + "".join(texts))
    held = [{token for place, token in enumerate(tokens) if bits >> place & 1} for bits in tokens_in(texts, tokens)]
    assert held == [{token for token in tokens if token in fold_text(text)} for text in texts]
