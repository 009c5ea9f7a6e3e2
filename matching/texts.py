"""What a resident says, comparable: a signature of its character bigrams, and bands by which like texts meet.

Enters a column of texts, leaves a 1,024-bit signature (a bit for each bigram it holds), from which the number of shared
bigrams is estimated for a pair without the texts, and a few bands that near-identical texts share.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.characters import SEVERAL, folding

_Ints: TypeAlias = npt.NDArray[np.uint64]
_Floats: TypeAlias = npt.NDArray[np.float64]

BITS = 1024
BANDS = 2
ROWS = 5  # bigram minima in a band: texts with 90 % of their bigrams in common share one of two bands 5 times in 6
_SLICE = 16_384  # texts worked on at a time, for memory
SHORTEST = 8  # bigrams; a shorter text says nothing of its own
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # the steps of splitmix64


def signatures(texts: pl.Series) -> pl.DataFrame:
    """Signature and bands of each text.

    Returns:
        `text_signature`: 128 bytes, null for a text of fewer than 8 bigrams; `text_bands`: list of integers, null with it.
    """
    starts = range(0, max(1, texts.len()), _SLICE)
    return pl.concat([_slice(texts.slice(start, _SLICE)) for start in starts])


def similarity_0_1(left: pl.Series, right: pl.Series) -> _Floats:
    """Cosine of two texts' bigram sets, pair by pair, from their signatures; NaN where one is null."""
    known = (left.is_not_null() & right.is_not_null()).to_numpy()
    result = np.full(len(known), np.nan)
    ours, theirs = _words(left.filter(pl.Series(known))), _words(right.filter(pl.Series(known)))
    count_left, count_right = _count(ours), _count(theirs)
    both = np.maximum(0.0, count_left + count_right - _count(ours | theirs))
    result[known] = np.minimum(1.0, both / np.sqrt(count_left * count_right))
    return result


def _count(words: _Ints) -> _Floats:
    """How many bigrams set these bits."""
    filled = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    counts: _Floats = np.array(bigrams_by_bits())[filled]
    return counts


@cache
def bigrams_by_bits() -> tuple[float, ...]:
    """How many bigrams a number of bits stands for, allowing for those that share one (linear counting)."""
    return tuple(-BITS * math.log1p(-min(bits, BITS - 1) / BITS) for bits in range(BITS + 1))


def _words(column: pl.Series) -> _Ints:
    joined = b"".join(column.to_list())
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, BITS // 64)


def _slice(texts: pl.Series) -> pl.DataFrame:
    rows, hashes = _bigrams(texts)
    bits = np.zeros((texts.len(), BITS), dtype=np.bool_)
    bits[rows, (hashes & np.uint64(BITS - 1)).astype(np.int64)] = True
    packed = np.packbits(bits, axis=1)
    enough = bits.sum(axis=1) >= SHORTEST
    signature = pl.Series([row.tobytes() if known else None for row, known in zip(packed, enough, strict=True)], dtype=pl.Binary)
    return pl.DataFrame({"text_signature": signature, "text_bands": _bands(rows, hashes, enough)})


def _bigrams(texts: pl.Series) -> tuple[npt.NDArray[np.int64], _Ints]:
    """Row and 64-bit hash of each pair of neighbouring characters."""
    joined = "\n".join(texts.str.replace_all("\n", " ", literal=True).fill_null("").to_list())
    codes = letters()[np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)]
    codes = codes[codes != 0].astype(np.uint64)
    breaks = codes == ord("\n")
    rows = np.cumsum(breaks)[:-1] if len(codes) else np.empty(0, dtype=np.int64)
    hashes = mixed(codes[:-1] << np.uint64(21) | codes[1:])
    whole = ~(breaks[:-1] | breaks[1:])
    return rows[whole].astype(np.int64), hashes[whole]


@cache
def letters() -> npt.NDArray[np.uint32]:
    """Code point → its folded one, 0 for what is neither a letter, a digit nor a line break."""
    table = folding().copy()
    table[table == SEVERAL] = 0  # a unit sign here or there tells nothing
    ends = np.flatnonzero(table[:0x20000])
    table[[code for code in ends.tolist() if not chr(table[code]).isalnum()]] = 0
    table[ord("\n")] = ord("\n")
    return table


def mixed(values: _Ints) -> _Ints:
    """A hash that is the same on every machine and in every version (the finish of splitmix64)."""
    stirred = values * _MIX[0]
    stirred ^= stirred >> np.uint64(31)
    stirred *= _MIX[1]
    return stirred ^ (stirred >> np.uint64(29))


def salt(band: int, row: int) -> np.uint64:
    """The multiplier of one row of a band."""
    return np.uint64(((band * ROWS + row + 1) * _GOLDEN | 1) % 2**64)


def _bands(rows: npt.NDArray[np.int64], hashes: _Ints, enough: npt.NDArray[np.bool_]) -> pl.Series:
    """Each band is made of the least of the bigram hashes under a few multipliers: equal for texts of nearly the same bigrams."""
    starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]]) if len(rows) else rows
    bands = np.zeros((len(enough), BANDS), dtype=np.uint64)
    for band in range(BANDS):
        made = np.full(len(starts), band, dtype=np.uint64)
        for row in range(ROWS):
            made = mixed(made ^ np.minimum.reduceat(hashes * salt(band, row), starts)) if len(starts) else made
        bands[rows[starts], band] = made
    listed = pl.Series(bands.view(np.int64), dtype=pl.Array(pl.Int64, BANDS)).cast(pl.List(pl.Int64))
    return pl.select(pl.when(pl.Series(enough)).then(listed)).to_series()
