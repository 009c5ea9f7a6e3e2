"""How closely a hit agrees: the order of hits, and the words in which it is told."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from matching.search_keys import NameAgreement


class Rank(IntEnum):
    """How a hit agrees, the closest first: names' agreements with a place for words and parts of numbers between them."""

    EXACT = 10 * NameAgreement.EXACT
    WORDS = 10 * NameAgreement.EXACT + 1
    PARTIAL = 10 * NameAgreement.STEM + 5


class Agreement(StrEnum):
    """How a match agrees, in the words of the answer."""

    EXACT = "exact"
    VARIANT = "variant"
    PINYIN = "pinyin"
    TYPO = "typo"
    PARTIAL = "partial"


_AGREEMENTS: dict[int, Agreement] = {
    Rank.WORDS: Agreement.EXACT,
    Rank.PARTIAL: Agreement.PARTIAL,
    10 * NameAgreement.EXACT: Agreement.EXACT,
    10 * NameAgreement.VARIANT: Agreement.VARIANT,
    10 * NameAgreement.STEM: Agreement.PARTIAL,
    10 * NameAgreement.PINYIN: Agreement.PINYIN,
    10 * NameAgreement.ACCENT: Agreement.PINYIN,
    10 * NameAgreement.LOOK: Agreement.TYPO,
    10 * NameAgreement.SLIP: Agreement.TYPO,
    10 * NameAgreement.INITIALS: Agreement.PARTIAL,
}


def agreement(rank: int) -> Agreement:
    """A rank in the answer's words."""
    return _AGREEMENTS[rank]
