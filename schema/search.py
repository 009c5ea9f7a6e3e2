"""Words for search: Chinese text → character bigrams, numbers and Latin words, the same on the index side and in a query.

Text enters; what PostgreSQL's `tsvector` reads leaves. "光明区欠薪 A12" gives 光明 明区 区欠 欠薪 a12, and 薪 for the end of the
run: with it, a query of one character finds that character anywhere (as the prefix 薪:*). Folded before: NFKC, lower
case, traditional to simplified one character at a time, so that a piece of a text folds as it does inside the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from schema.folding import HAN_RANGES, fold, fold_text
from schema.numbers import FULL_WIDTH, IN_PIECES, LONG_NUMBER, SHAPES, has_long_number, whole_numbers

MAX_CHARACTERS = 2_000  # of one record that are searchable: bounds its tokens
COMMON = 0.05  # of all texts; a word in more of them spares an index hardly anything
MAX_WORD = 64  # characters of one number or Latin word; a longer one is cut in pieces

#: A record's number without brackets, marks and blanks, as a part of it is looked for; the same in SQL and in `number_part`.
_MARKS = "〔〕【】[]（）()-－—_/.·# "
NUMBER_PART = f"translate(upper(coalesce(case_number, source_record_id)), '{_MARKS}', '')"

_LAST = 0x33480  # no letter of any script comes after
_ROWS = 2_000  # texts taken apart at once
_BITS = 21  # of a character's number
_HAN = r"\p{Han}"
_LETTERS = r"[\p{L}\p{N}--\p{Han}]"
_LETTERS_ALONE = r"[\p{L}\p{N}--[\p{Han}0-9]]"
_WHOLE_NUMBER = re.compile(r"\d+|.*\d{4}", re.DOTALL)  # a word of figures, or one that ends in them, as tel1385
_WORD = rf"{_LETTERS}{{1,{MAX_WORD}}}"
_NUMBER = r"(?:1[3-9][0-9]{9}|0[0-9]{9,11}|[1-9][0-9]{14}|[1-9][0-9]{16}[0-9Xx])"  # in one piece
_TEXT = pl.col("text")
_PLAIN = _TEXT.str.replace_many({chr(written): chr(read) for written, read in FULL_WIDTH.items()})
#: Texts that have to be looked at one by one: a number in them may be in pieces, or a piece of a word, or cut. Case numbers are no such.
_IN_PIECES = _TEXT.str.contains(LONG_NUMBER) & (
    (_TEXT.str.contains(IN_PIECES) & _PLAIN.str.contains(SHAPES))
    | _TEXT.str.contains(r"[\p{N}--[0-9０-９]]")
    | _PLAIN.str.contains(rf"\p{{So}}{_NUMBER}|{_NUMBER}\p{{So}}")  # ㎡ is m2 when it is folded
    | _TEXT.str.normalize("NFKC").str.contains(rf"{_LETTERS_ALONE}{_NUMBER}(?:[^0-9]|$)|(?:^|[^0-9]){_NUMBER}{_LETTERS_ALONE}")
    | (_TEXT.str.len_bytes() > MAX_CHARACTERS)
)


def search_tokens(text: pl.Series) -> pl.Series:
    """Texts → their tokens as `tsvector` text ('光明 明区 区'), ready for `COPY` or `::tsvector`.

    Args:
        text: one string a record (title, text, names and address joined by newlines, the most telling first).

    Returns:
        Strings of the same length; null where there is nothing to find. Only letters and digits and blanks are in them, so
        they need no quoting. At most `MAX_CHARACTERS` characters of a record count. Chinese tokens stand once and in the
        order of their bytes, which spares `tsvector` most of its sorting.
    """
    folded = _folded(text).fill_null("")
    words = _words(folded)
    pairs = pl.concat([words.clear(), *(_pairs(part.to_series()) for part in folded.to_frame().iter_slices(_ROWS))])
    tokens = pl.select(pl.concat_str(words, pairs, separator=" ").str.strip_chars(" ")).to_series().rename(text.name)
    return tokens.set(tokens == "", None)


def _folded(text: pl.Series) -> pl.Series:
    """Texts as they are taken apart: folded, so much of each as counts, and numbers that are masked in one piece."""
    written = text.cast(pl.String)
    folded = fold(written.str.slice(0, MAX_CHARACTERS)).str.slice(0, MAX_CHARACTERS)
    odd = written.to_frame("text").select_seq(pl.arg_where(_IN_PIECES)).to_series()
    return folded.scatter(odd, list(map(_folded_alone, written.gather(odd)))) if len(odd) else folded


def _folded_alone(text: str) -> str:
    """The same of one text."""
    if not has_long_number(text):
        return fold_text(text[:MAX_CHARACTERS])[:MAX_CHARACTERS]
    return _cut(fold_text(_cut(whole_numbers(text))))


def _cut(text: str) -> str:
    """So much of a text as counts, without the beginning of a number that goes on: a piece of it would tell of it."""
    kept = text[:MAX_CHARACTERS]
    return kept.rstrip("0123456789") if text[MAX_CHARACTERS : MAX_CHARACTERS + 1] in tuple("0123456789Xx") else kept


def _words(folded: pl.Series) -> pl.Series:
    """Of each text its numbers and Latin words, with blanks between them."""
    words = folded.str.extract_all(_LETTERS + "+")
    if (words.explode().str.len_chars() > MAX_WORD).any():  # to count the characters of every word takes ten times as long
        words = folded.str.extract_all(_WORD)
    return words.list.join(" ")


def _pairs(folded: pl.Series) -> pl.Series:
    """Of each run of Chinese characters its bigrams and its end, each once a text, in order, with blanks between them.

    A token is worked on as one number of row, character and next character (0: the run ends): regular expressions would go
    over the whole text three times.
    """
    codes = np.frombuffer("".join(folded).encode("utf-32-le"), np.uint32).astype(np.int64)
    rows = np.repeat(np.arange(len(folded)), folded.str.len_chars())
    is_han = _han(codes)
    goes_on = is_han[:-1] & is_han[1:] & (rows[:-1] == rows[1:])
    following = np.append(np.where(goes_on, codes[1:], 0), np.zeros(min(1, len(codes)), np.int64))
    found = np.sort((rows << 2 * _BITS | codes << _BITS | following)[is_han])
    found = found[np.diff(found, prepend=-1) != 0]
    row, low = found >> 2 * _BITS, (1 << _BITS) - 1
    is_last = np.diff(row, append=-1) != 0
    written = np.column_stack((found >> _BITS & low, found & low, np.where(is_last, ord("\n"), ord(" ")))).astype(np.uint32).ravel()
    lines = written[written != 0].tobytes().decode("utf-32-le").splitlines()
    return pl.repeat("", len(folded), eager=True).scatter(row[is_last], lines)


def _han(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which of these characters are Chinese ones, as the expressions here mean it."""
    table = np.zeros(1 << _BITS, np.bool_)
    table[codes] = True
    present = np.flatnonzero(table)
    table[present] = pl.Series(list(map(chr, present)), dtype=pl.String).str.contains(_HAN).to_numpy()
    return table[codes]


def number_part(text: str) -> str:
    """A part of a case number in the form in which numbers are looked through."""
    return text.upper().translate(str.maketrans("", "", _MARKS))


def bigrams(text: str) -> list[str]:
    """Tokens that a query for this text needs, distinct, in a stable order.

    A run of Chinese characters gives its bigrams; a lone character stands for itself.
    """
    return list(query_of(text).tokens)


def _needed(texts: Sequence[str]) -> list[list[tuple[str, bool]]]:
    """Of each text the tokens that it needs, each with whether something may follow that was not typed.

    What goes on in another script has ended there, as it has in the text that is looked for: 5 in 5号 is the whole number.
    """
    folded = _folded(pl.Series(texts, dtype=pl.String))
    shifted = folded.str.replace_all(rf"(^|\P{{Han}}){_HAN}", "$1 ")
    pieces = [
        folded.str.extract_all(_HAN + "{2}"),
        shifted.str.extract_all(_HAN + "{2}"),
        folded.str.replace_all(_HAN + "{2,}", " ").str.extract_all(f"{_HAN}{_LETTERS}?"),
        folded.str.extract_all(f"{_WORD}{_HAN}?"),
    ]
    found = zip(*(piece.to_list() for piece in pieces), strict=True)
    return [_distinct(token for tokens in several for token in tokens) for several in found]


def _needed_by(text: str) -> list[tuple[str, bool]]:
    """The same of one text, a row at a time: frames of one row would take twenty times as long."""
    expressions = _expressions()
    folded = _folded_alone(text)
    pairs, shifted = (expressions.pair.findall(each) for each in (folded, expressions.first.sub(r"\1 ", folded)))
    alone = expressions.alone.findall(expressions.run.sub(" ", folded))
    return _distinct([*pairs, *shifted, *alone, *expressions.word.findall(folded)])


@dataclass(frozen=True)
class _Expressions:
    """What `_needed` looks for."""

    pair: re.Pattern[str]
    first: re.Pattern[str]
    run: re.Pattern[str]
    alone: re.Pattern[str]
    word: re.Pattern[str]


@cache
def _expressions() -> _Expressions:
    han, letters = _characters(_HAN), _characters(_LETTERS)
    return _Expressions(
        pair=re.compile(f"[{han}]{{2}}"),
        first=re.compile(f"(^|[^{han}])[{han}]"),
        run=re.compile(f"[{han}]{{2,}}"),
        alone=re.compile(f"[{han}][{letters}]?"),
        word=re.compile(f"[{letters}]{{1,{MAX_WORD}}}[{han}]?"),
    )


def _characters(pattern: str) -> str:
    """The characters that a pattern of frames matches, as ranges for one of `re`, which knows no classes of them."""
    codes = np.array([code for code in range(_LAST) if not 0xD800 <= code < 0xE000])
    matched = codes[pl.Series(list(map(chr, codes)), dtype=pl.String).str.contains(pattern).to_numpy()]
    starts = matched[np.diff(matched, prepend=-2) != 1]
    ends = matched[np.diff(matched, append=_LAST + 1) != 1]
    return "".join(f"\\U{start:08x}-\\U{end:08x}" for start, end in zip(starts.tolist(), ends.tolist(), strict=True))


def _distinct(pieces: Iterable[str]) -> list[tuple[str, bool]]:
    """Their tokens, each once: where one is needed whole, the same as a beginning asks for nothing more."""
    opened = dict.fromkeys(map(_open, pieces))
    return [(token, may_go_on) for token, may_go_on in opened if not (may_go_on and (token, False) in opened)]


def _open(piece: str) -> tuple[str, bool]:
    """A token, without the character of another script that follows it; and whether it may go on.

    No number may: whose beginnings were looked for could be read out, digit by digit, where it is masked.
    """
    if _is_bigram(piece):
        return piece, False
    is_ended = len(piece) > 1 and _is_han(piece[0]) != _is_han(piece[-1])
    return (piece[:-1], False) if is_ended else (piece, not _WHOLE_NUMBER.fullmatch(piece))


@dataclass(frozen=True)
class Query:
    """What a text is looked for by.

    Args:
        tokens: distinct, in a stable order, as `bigrams` gives them.
        whole: `tsquery` text that finds what holds every token; None: nothing in it can be looked for. Last pieces of words match as
            prefixes, so that "光明A12" finds "光明 A1234": a character or word that ends there gets `:*`.
        ended: tokens that an index answers at once; the others are beginnings of words, which an index has to gather.
    """

    tokens: tuple[str, ...]
    whole: str | None
    ended: tuple[str, ...]

    def by_index(self, shares: Mapping[str, float]) -> str | None:
        """The part of it that an index is to be asked for; None: there is none.

        Args:
            shares: of tokens that stand in many texts in what share of them. Very common ones are left to be looked for in what the
                others find, where one of these is not among them, and so is rare.
        """
        rest = [token for token in self.ended if shares.get(token, 0.0) <= COMMON]
        is_rare = any(token not in shares for token in rest)
        return _query([(token, False) for token in (rest if is_rare else self.ended)])


def query_of(text: str) -> Query:
    """A text as it is looked for."""
    needed = _needed_by(text)
    tokens = tuple(dict.fromkeys(token for token, _ in needed))
    return Query(tokens, _query(needed), tuple(token for token, may_go_on in needed if not may_go_on))


def tsquery(text: str) -> str | None:
    """The `whole` of a text's query."""
    return query_of(text).whole


def tsqueries(texts: Sequence[str]) -> list[str | None]:
    """`tsquery` of many texts, in a thousandth of the time that one by one would take."""
    return [_query(tokens) for tokens in _needed(texts)] if texts else []


def _query(tokens: Sequence[tuple[str, bool]]) -> str | None:
    return " & ".join(f"'{token}':*" if may_go_on else f"'{token}'" for token, may_go_on in tokens) or None


def _is_bigram(token: str) -> bool:
    return len(token) == 2 and not token.isascii() and all(_is_han(character) for character in token)


def _is_han(character: str) -> bool:
    code = ord(character)
    return any(start <= code < end for start, end in HAN_RANGES) or code in (0x3005, 0x3007)
