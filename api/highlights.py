"""Where in a text that is shown the words asked for stand: a short piece of it, and the places of the words in the piece.

Pure. What enters is the text as this caller is shown it, masked already: so a piece tells nothing that the text would not.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schema.folding import simplified
from schema.search import bigrams, number_part

FRAGMENT = 60  # characters of a piece
_BEFORE = 12  # of them before the first word
_LONGEST = 2_000  # characters of a text that are looked through


@dataclass(frozen=True)
class Piece:
    """A piece of a text and the places (start, end) of words in it, end excluded, in characters."""

    text: str
    marks: tuple[tuple[int, int], ...]


class _OneByOne(dict[int, str]):
    """Character → its folded one, where that is one: places stay what they are."""

    def __missing__(self, code: int) -> str:
        lowered = unicodedata.normalize("NFKC", chr(code)).lower()
        folded = simplified().get(lowered, lowered)
        self[code] = folded if len(folded) == 1 else chr(code)
        return self[code]


_FOLDED = _OneByOne()


@dataclass(frozen=True)
class Sought:
    """A word that was asked for: whole, and in pieces, both folded."""

    whole: str
    pieces: tuple[str, ...]


def sought(words: Iterable[str]) -> tuple[Sought, ...]:
    """Words as `piece_of` looks for them."""
    return tuple(Sought(word.translate(_FOLDED), tuple(token for token in bigrams(word) if len(token) > 1)) for word in words)


def piece_of(text: str | None, asked: Iterable[Sought]) -> Piece | None:
    """The piece of a text around the first of the words asked for; None where none of them stands in it."""
    if not text:
        return None
    looked_through = text[:_LONGEST].translate(_FOLDED)
    marks: list[tuple[int, int]] = []
    for word in asked:
        whole = _places(looked_through, word.whole)
        # Words are looked for by their bigrams: where the whole does not stand in one piece, these do.
        marks += whole or [place for piece in word.pieces for place in _places(looked_through, piece)]
    return _cut(text, _merged(marks))


def piece_of_number(number: str | None, part: str) -> Piece | None:
    """A case number with the place of a part of it, whatever brackets and marks stand between."""
    kept = [place for place, character in enumerate(number or "") if number_part(character)]
    plain = number_part(number or "")
    start = plain.find(part)
    if not number or start < 0 or len(kept) != len(plain):
        return None
    return Piece(number, ((kept[start], kept[start + len(part) - 1] + 1),))


def piece_of_end(shown: str | None, tail: str) -> Piece | None:
    """A number as shown, masked or not, with the place of its end."""
    if not shown or not shown.endswith(tail):
        return None
    return Piece(shown, ((len(shown) - len(tail), len(shown)),))


def _places(text: str, word: str) -> list[tuple[int, int]]:
    found, start = [], text.find(word) if word else -1
    while start >= 0:
        found.append((start, start + len(word)))
        start = text.find(word, start + len(word))
    return found


def _merged(marks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(marks):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _cut(text: str, marks: Sequence[tuple[int, int]]) -> Piece | None:
    if not marks:
        return None
    begin = max(0, min(marks[0][0] - _BEFORE, len(text) - FRAGMENT))
    end = begin + FRAGMENT
    inside = tuple((start - begin, min(stop, end) - begin) for start, stop in marks if start < end)
    return Piece(text[begin:end], inside)
