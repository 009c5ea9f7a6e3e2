"""WAYS OF WRITING: what sources write of one thing, more or less of it: 07 and 7, 27514 and 27514-0612, F and Female.

Enters the distinct values of a column of codes or categories; leaves what is to be taken of each for them to be the same. Such a way is
only taken for one where its values, so cut, are values of the other: a leading nought of a postcode belongs to it.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import polars as pl

from matching.latin import words_of

_SEEN = 0.02  # of the values are written so, and of them …
_SHORT = 4  # letters that a category is cut off to
_KNOWN = 0.5  # … so many are values of the other way, too

#: Without noughts before it, or what stands before them: A07 and 7.
NUMBER = r"0*(\d+)$"
#: Without what follows a dash.
HEAD = r"^([^-]+)"


def pattern_of(values: pl.Series) -> str | None:
    """The pattern that takes of each code what all ways of writing it share; None where there is one way.

    Args:
        values: distinct, blanks at their ends taken away.
    """
    for way, pattern in ((r"^0+\d+$", NUMBER), (r"^[^-]{3,}-[^-]+$", HEAD)):
        written = values.filter(values.str.contains(way))
        if len(values) * _SEEN <= len(written) < len(values) and len(written):
            cut = written.str.extract(pattern)
            if float(cut.is_in(values.to_list()).mean() or 0.0) >= _KNOWN:  # type: ignore[arg-type]
                return pattern
    return None


def abbreviated_to(values: pl.Series) -> int:
    """The characters that values of a category share with those that are cut off, M of Male; 0 where none are.

    Args:
        values: distinct.
    """
    texts = sorted({*words_of(values).drop_nulls()})
    cut = [
        len(text) for text in texts if text.isalpha() and any(other[len(text) :].isalpha() and other.startswith(text) for other in texts)
    ]
    shortest = min(cut, default=0)
    starting: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        starting[text[:shortest]].append(text)
    is_plain = all(longer.startswith(shorter) for each in starting.values() for shorter, longer in pairwise(each))
    return shortest if is_plain and shortest <= _SHORT else 0
