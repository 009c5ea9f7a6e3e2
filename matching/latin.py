"""LATIN letters as they are compared: without marks, for one system writes Łódź or Müller and the next Lodz or Muller."""

from __future__ import annotations

import polars as pl

from matching.characters import fold

#: Letters that are no other letter with a mark.
_OTHERS = {"ß": "SS", "ẞ": "SS", "Ø": "O", "Ł": "L", "Đ": "D", "Æ": "AE", "Œ": "OE", "Þ": "TH", "ı": "I"}


def words_of(texts: pl.Series) -> pl.Series:
    """Width, case, variant characters and marks taken away, one blank between words."""
    lines = fold(texts.str.replace_all(r"[\s\p{Cc}\p{Cf}]+", "\u241f"))  # fold drops blanks
    return unmarked(lines).str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()


def unmarked(texts: pl.Series) -> pl.Series:
    """Latin letters without their marks; of other scripts marks tell sounds apart."""
    bare = texts.str.replace_many([*_OTHERS], [*_OTHERS.values()])
    marked = bare.str.contains(r"[\u00C0-\u024F\u1E00-\u1EFF]")
    plain = bare.str.normalize("NFD").str.replace_all(r"([A-Za-z])\p{Mn}+", "$1").str.normalize("NFC")
    return pl.select(pl.when(marked).then(plain).otherwise(bare)).to_series()


def consonants(texts: pl.Series) -> pl.Series:
    """Words in capitals by their first letter and five consonants, like ones as one."""
    groups = {"BFPVW": "B", "CGJKQSXZ": "C", "DT": "D", "L": "L", "MN": "M", "R": "R"}
    head = texts.str.slice(0, 1)
    rest = texts.str.slice(1).str.replace_all(r"[AEIOUHY' ]", "")
    for letters, one in groups.items():
        rest = rest.str.replace_all(f"[{letters}]+", one)
    return pl.select(pl.concat_str(head, rest.str.slice(0, 5))).to_series()
