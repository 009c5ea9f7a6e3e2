"""What makes a number hold: resident ID numbers by GB 11643, unified social credit codes by GB 32100.

Pure. VALIDATE, matching and the entry go by the same figures: a number that one refuses is proof of nothing to the others.
"""

from __future__ import annotations

#: Weights of an ID number's first 17 digits, and the check character by remainder (GB 11643).
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECKS = "10X98765432"
#: Provinces of GB/T 2260 by their first two digits, and 91 for foreigners with a permanent residence.
PROVINCES = frozenset(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (81, 83), (91, 91))
    for code in range(first, last + 1)
)
#: Centuries that a birthday in an ID number may be of.
CENTURIES = ("18", "19", "20")
#: 31 characters without I, O, S, V and Z, and the weights of a credit code's first 17: powers of three modulo 31 (GB 32100).
CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CODE_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))


def id_check(first: str) -> str:
    """The check character that an ID number's first 17 digits ask for."""
    return ID_CHECKS[sum(int(digit) * weight for digit, weight in zip(first, ID_WEIGHTS, strict=True)) % 11]


def code_check(first: str) -> str:
    """The check character that a credit code's first 17 characters, all of the alphabet, ask for."""
    total = sum(CODE_ALPHABET.index(character) * weight for character, weight in zip(first, CODE_WEIGHTS, strict=True))
    return CODE_ALPHABET[-total % 31]
