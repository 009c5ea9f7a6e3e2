"""Signatures of texts, one at a time: `matching.texts` for one value."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from matching.texts import BANDS, BITS, ROWS, SHORTEST, bigrams_by_bits, letters, mixed, salt

_REMEMBERED = 5_000  # texts are long


@lru_cache(_REMEMBERED)
def signature(text: str | None) -> bytes | None:
    """`text_signature` of one text."""
    bits = np.zeros(BITS, dtype=np.bool_)
    bits[(_hashes(text) & np.uint64(BITS - 1)).astype(np.int64)] = True
    return np.packbits(bits).tobytes() if int(bits.sum()) >= SHORTEST else None


@lru_cache(_REMEMBERED)
def bands(text: str | None) -> list[int] | None:
    """`text_bands` of one text."""
    return None if signature(text) is None else [_band(_hashes(text), band) for band in range(BANDS)]


def _hashes(text: str | None) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Of each bigram."""
    codes = letters()[np.frombuffer((text or "").replace("\n", " ").encode("utf-32-le"), dtype=np.uint32)]
    codes = codes[codes != 0].astype(np.uint64)
    return mixed(codes[:-1] << np.uint64(21) | codes[1:])


def _band(hashes: np.ndarray[tuple[int], np.dtype[np.uint64]], band: int) -> int:
    made = np.full(1, band, dtype=np.uint64)
    for row in range(ROWS):
        made = mixed(made ^ (hashes * salt(band, row)).min(keepdims=True))
    return int(made.view(np.int64)[0])


def similarity_0_1(one: bytes, other: bytes) -> float:
    """`texts.similarity_0_1` of two signatures."""
    counts = bigrams_by_bits()
    left, right = int.from_bytes(one), int.from_bytes(other)
    ours, theirs = counts[left.bit_count()], counts[right.bit_count()]
    both = max(0.0, ours + theirs - counts[(left | right).bit_count()])
    return min(1.0, both / math.sqrt(ours * theirs))
