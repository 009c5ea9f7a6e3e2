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


_AGREEMENTS = {
    NameAgreement.EXACT: Agreement.EXACT,
    NameAgreement.VARIANT: Agreement.VARIANT,
    NameAgreement.STEM: Agreement.PARTIAL,
    NameAgreement.PINYIN: Agreement.PINYIN,
    NameAgreement.ACCENT: Agreement.PINYIN,
    NameAgreement.LOOK: Agreement.TYPO,
    NameAgreement.SLIP: Agreement.TYPO,
    NameAgreement.INITIALS: Agreement.PARTIAL,
}


def agreement(rank: int) -> Agreement:
    """A rank in the answer's words."""
    if rank in (Rank.WORDS, Rank.PARTIAL):
        return Agreement.EXACT if rank == Rank.WORDS else Agreement.PARTIAL
    return _AGREEMENTS[NameAgreement(rank // 10)]
