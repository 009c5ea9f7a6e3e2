"""Which tokens of a query stand in which texts: what is looked through when records were found, to order them and to say why.

Texts and tokens enter; a bit for each token of each text leaves. Both sides are folded as `schema.search` folds them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from schema.folding import PLANE, fold_text
from schema.numbers import has_long_number, whole_numbers

MOST_BITS = 62  # of a number: tokens above are looked for one by one

_NOT_ALONE = -1


def tokens_in(texts: Sequence[str], tokens: Sequence[str]) -> list[int]:
    """Which of some tokens stand in each of many texts, folded: a bit for each, the first the lowest.

    Phones and ID numbers in a text are whole tokens: which of their figures somebody asked for is told of none that he does not know.
    All texts are one array of characters, for a thousand titles are looked through at each search.
    """
    if len(tokens) > MOST_BITS:
        return [_tokens_in(text, tokens) for text in texts]
    joined = "\n".join(texts)
    if joined.count("\n") >= max(1, len(texts)):  # one of them is of several lines
        joined = "\n".join([text.replace("\n", " ") for text in texts])
    codes = np.frombuffer(joined.encode("utf-16-le", "surrogatepass"), np.uint16)
    folded = _characters_folded().take(codes)
    ends = np.flatnonzero(codes == ord("\n"))  # a text's place is how many end before it
    found = np.zeros(len(texts), np.int64)
    stands = {character: folded == ord(character) for character in set("".join(tokens))}
    for place, token in enumerate(tokens):
        found[np.searchsorted(ends, _starts(stands, token))] |= 1 << place
    bits: list[int] = found.tolist()
    of_figures = any(character.isdigit() for token in tokens for character in token)
    numbered = [place for place, text in enumerate(texts) if has_long_number(text)] if of_figures and has_long_number(joined) else []
    for odd in {*np.searchsorted(ends, np.flatnonzero(folded == _NOT_ALONE)).tolist(), *numbered}:
        bits[odd] = _tokens_in(texts[odd], tokens)
    return bits


def _tokens_in(text: str, tokens: Sequence[str]) -> int:
    folded = fold_text(whole_numbers(text, told=tokens))
    return sum(1 << place for place, token in enumerate(tokens) if token in folded)


def _starts(stands: Mapping[str, npt.NDArray[np.bool_]], token: str) -> npt.NDArray[np.intp]:
    """Where a token begins, of where each of its characters stands."""
    begins = stands[token[0]][: max(0, len(stands[token[0]]) - len(token) + 1)]
    for place, character in enumerate(token[1:], 1):
        begins = begins & stands[character][place : place + len(begins)]
    return np.flatnonzero(begins)


@cache
def _characters_folded() -> npt.NDArray[np.int32]:
    """What each character of the first plane folds to wherever it stands; `_NOT_ALONE` where neighbours decide, or it is several.

    So it is of either half of a character beyond.
    """
    return np.array([_alone(chr(code)) for code in range(ord(PLANE) + 1)], np.int32)


def _alone(character: str) -> int:
    if "\ud800" <= character < "\ue000" or character == "Σ":  # at the end of a word it folds otherwise
        return _NOT_ALONE
    folded = fold_text(character)
    joins = len(folded) != 1 or unicodedata.category(folded).startswith("M") or "\u1100" <= folded < "\u1200"
    return _NOT_ALONE if joins else ord(folded)
