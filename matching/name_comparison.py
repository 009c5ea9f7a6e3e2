"""COMPARISON of names: persons' and organisations'."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.characters import pinyin_one
from matching.firms import NUMERALS
from matching.levels import Levels, first_of
from matching.model import Comparison
from matching.sides import Flags, Sides
from matching.table_columns import BESIDE_A_PERSON
from matching.vocabulary import look_alike

LONG = 3  # characters of a stem that tells by itself
LONG_REST = 4  # of two stems of one length that may differ by a slip, or sound alike and be one
NUMBER_AT_END = f"第[{NUMERALS}]+$"
#: Levels that a model of organisations may leave out: what would reach them reaches the next.
YOUNGER = frozenset({"core_alike", "short_alike"})


def person_name(sides: Sides, comparison: Comparison) -> Levels:
    """Same, same in sound or look, compatible with a mask, of one surname, or different.

    A common name, or the sound of one, is a level of its own: it is borne by many. Two slips of one name are of one surname to a model
    that does not know them.
    """
    both, same, common = sides.both("name"), sides.same("name"), sides.either("is_common")
    masked = sides.either("is_masked")
    plain = both & ~masked
    sound, looks = plain & sides.same("name_pinyin"), plain & sides.same("name_look")
    rest = plain & ~same & ~sound & ~looks
    near = rest & _one_character_more(sides, rest)
    hidden, agree_given = _masks(sides, both & masked)
    slips = sides.same("surname") & bool(comparison.index("two_slips"))
    return first_of(
        comparison,
        [
            ("masked_given", hidden & agree_given),
            ("masked", hidden),
            ("exact_common", plain & same & common),
            ("variant", plain & same & ~sides.same("name_written")),
            ("exact", plain & same),
            ("same_pinyin_common", sound & common),
            ("same_pinyin", sound),
            ("look_alike", looks),
            ("near", near),
            ("married", _married(sides, rest & ~near)),
            ("similar_look", _where_names(sides, rest & ~near, one_looks_like)),
            ("same_given", rest & _same_given(sides)),
            ("two_slips", _where_names(sides, rest & slips, two_slips_of_one)),
            ("same_surname", both & sides.same("surname")),
            ("differ", both),
        ],
        len(sides),
    )


def organisation_name(sides: Sides, comparison: Comparison) -> Levels:
    """Whole name, core, sound, look, short form, or in what the names differ: part, industry, place, all.

    A short form says less than a whole name, and least where it is but a stem of two characters, or what many shops are called.
    """
    name = next((column for column in BESIDE_A_PERSON.values() if column in sides.forms.columns), "name")
    both, stem, same = sides.both("core"), sides.same("stem"), sides.same(name)
    kin = both & (stem | sides.same("stem_pinyin") | sides.same("stem_look"))
    both_industries, same_industry = sides.both("industry"), sides.same("industry")
    shorter = _shorter_stem(sides)
    long_stem = shorter >= LONG
    telling = long_stem | same_industry
    sounds, looks = kin & sides.same("stem_pinyin") & telling, kin & sides.same("stem_look") & telling
    whole = sides.forms["is_whole"].fill_null(False).to_numpy()
    slip = both & _slip_in_the_rest(sides)
    alike = both & (sides.same("core_pinyin") | sides.same("core_look"))
    of_one_trade = (kin & same_industry & (shorter >= LONG_REST)) | slip
    steps = [
        ("exact", same & whole[sides.left] & whole[sides.right]),
        ("other_part", (kin & _other_part(sides, whole)) | (slip & _two_parts(sides))),
        ("other_place", kin & _other(sides, "city")),
        ("other_industry", kin & both_industries & _other(sides, "industry")),
        ("shop", both & sides.either("is_shop") & (alike | sides.same("core"))),
        ("formal", sides.same("formal") & telling),
        ("exact_short", same & telling),
        ("core", both & sides.same("core") & telling & ~_one_part(sides)),
        ("core_alike", alike & of_one_trade & ~_two_places(sides) & ~_one_part(sides)),
        ("alias", stem & long_stem),
        ("same_pinyin", sounds),
        ("look_alike", looks),
        ("alias_short", stem),
        ("short_alike", kin),
        ("near", slip & ~_other(sides, "city") & ~_one_part(sides)),
        ("differ", both),
    ]
    return first_of(comparison, [step for step in steps if step[0] not in YOUNGER or comparison.index(step[0])], len(sides))


def _shorter_stem(sides: Sides) -> npt.NDArray[np.int64]:
    """Characters of the shorter stem. A number tells nothing where no kind of body is named: 育新第五 is a school, and a clinic."""
    stem = pl.when(pl.col("industry").is_null()).then(pl.col("stem").str.replace(NUMBER_AT_END, "")).otherwise("stem")
    lengths = sides.forms.select(stem.str.len_chars().fill_null(0)).to_series().to_numpy().astype(np.int64)
    shorter: npt.NDArray[np.int64] = np.minimum(lengths[sides.left], lengths[sides.right])
    return shorter


def _two_places(sides: Sides) -> Flags:
    """Where the names tell places that are not the same: 深圳 is not 深圳光明 where the names differ besides."""
    two: Flags = sides.both("city") & ~sides.same("city")
    return two


def _one_part(sides: Sides) -> Flags:
    """Where one side alone names a branch or a number."""
    has = sides.forms["part"].is_not_null().to_numpy()
    one: Flags = has[sides.left] != has[sides.right]
    return one


def _other_part(sides: Sides, whole: Flags) -> Flags:
    """Two branches, two numbers, or a branch and the whole name of its firm."""
    return _two_parts(sides) | (_one_part(sides) & whole[sides.left] & whole[sides.right])


def _two_parts(sides: Sides) -> Flags:
    """Two branches, or two numbers, whatever else the names hold: 公明第一小学 and 公明第二小学 differ in one character."""
    return sides.both("part") & ~sides.same("part")


def _slip_in_the_rest(sides: Sides) -> Flags:
    """One slip in what follows the stem's first two characters, so that industry or legal form was not recognised on one side."""
    lengths = sides.forms["stem"].str.len_chars().fill_null(0).to_numpy().astype(np.int64)
    unlike_length = lengths[sides.left] != lengths[sides.right]
    candidates = sides.same("stem_head") & ~sides.same("core") & (unlike_length | (_shorter_stem(sides) >= LONG_REST))
    found: Flags = candidates & (sides.edits("core", candidates, 1) <= 1)
    return found


def _other(sides: Sides, column: str) -> Flags:
    """Where both sides have the column and neither value holds the other (深圳 and 深圳光明 are no two cities)."""
    apart = sides.both(column) & ~sides.same(column)
    if apart.any():
        left, right, number = sides.distinct(column, apart)
        unlike = np.array([one not in other and other not in one for (one,), (other,) in zip(left, right, strict=True)], dtype=np.bool_)
        apart[apart] = unlike[number]
    return apart


def _one_character_more(sides: Sides, where: Flags) -> Flags:
    """Where one name is the other with a character left out, and what is left has three."""
    length = sides.forms["name"].str.len_chars().fill_null(0).to_numpy().astype(np.int64)
    left, right = length[sides.left], length[sides.right]
    candidates = where & (np.abs(left - right) == 1) & (np.minimum(left, right) >= 3)
    found: Flags = candidates & (sides.edits("name", candidates, 1) <= 1)
    return found


def _married(sides: Sides, where: Flags) -> Flags:
    """Where one name is the other with a husband's surname before it: 陈李美 and 李美."""
    length = sides.forms["name"].str.len_chars().fill_null(0).to_numpy().astype(np.int64)
    by_one = where & (np.abs(length[sides.left] - length[sides.right]) == 1)
    return _where_names(sides, by_one, lambda one, other: one[1:] == other or other[1:] == one)


def _where_names(sides: Sides, where: Flags, agree: Callable[[str, str], bool]) -> Flags:
    """Of the pairs flagged those whose names agree so; each distinct pair of names is asked once."""
    found = where.copy()
    if where.any():
        left, right, number = sides.distinct_texts("name", where)
        found[where] = np.array([agree(one, other) for one, other in zip(left, right, strict=True)], dtype=np.bool_)[number]
    return found


def one_looks_like(one: str, other: str) -> bool:
    """Whether two names differ in one character, and the two look alike."""
    if len(one) != len(other) or len(one) < 2:  # a surname alone says too little
        return False
    unlike = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    return len(unlike) == 1 and look_alike(*unlike[0])


def two_slips_of_one(one: str, other: str) -> bool:
    """Whether two names may each be a slip of one third: they differ in two places, and in each of them one character sounds or looks
    like the other, or, where three others are left, stands in one name alone.
    """
    short, long = sorted((one, other), key=len)
    if len(short) == len(long):
        return _slips(one, other) == 2  # one in each
    is_longer = len(long) == len(short) + 1 and len(short) >= 3  # as for `near`
    return is_longer and any(_slips(long[:place] + long[place + 1 :], short) == 1 for place in range(len(long)))


def _slips(one: str, other: str) -> int | None:
    """In how many places two names of one length differ; None where in any of them neither character is taken for the other."""
    unlike = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    return len(unlike) if all(_taken_for(a, b) for a, b in unlike) else None


@lru_cache(1 << 16)
def _taken_for(one: str, other: str) -> bool:
    return pinyin_one(one) == pinyin_one(other) or look_alike(one, other)


def _same_given(sides: Sides) -> Flags:
    """Where given names of two characters or more sound the same and surnames do not: a slip in the surname, or another taken."""
    several = sides.forms["given_pinyin"].str.contains(" ", literal=True).fill_null(value=False).to_numpy()
    same: Flags = several[sides.left] & sides.same("given_pinyin")
    return same


def _masks(sides: Sides, where: Flags) -> tuple[Flags, Flags]:
    """Where what both names show agrees, and where that is more than a surname."""
    compatible, more = np.zeros(len(sides), dtype=np.bool_), np.zeros(len(sides), dtype=np.bool_)
    if where.any():
        left, right, number = sides.distinct("name", where, "surname")
        found = [mask_agrees(one, other) for one, other in zip(left, right, strict=True)]
        compatible[where] = np.array([agrees for agrees, _ in found], dtype=np.bool_)[number]
        more[where] = np.array([shows for _, shows in found], dtype=np.bool_)[number]
    return compatible, more


def mask_agrees(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[bool, bool]:
    """(what both show agrees, it is more than the surname), of two (name, surname) of which at least one has a `*`."""
    (head, tail), (their_head, their_tail) = _ends(one[0]), _ends(other[0])
    at_head, at_tail = min(len(head), len(their_head)), min(len(tail), len(their_tail))
    agrees = head[:at_head] == their_head[:at_head] and tail[len(tail) - at_tail :] == their_tail[len(their_tail) - at_tail :]
    # A mask hides at least one character: 张*伟 is not 张伟.
    too_short = any("*" not in whole and len(whole) < len(masked) for whole, masked in ((one[0], other[0]), (other[0], one[0])))
    agrees = agrees and at_head + at_tail > 0 and not too_short
    surname = max(len(one[1]), len(other[1]))
    return agrees, agrees and max(0, at_head - surname) + at_tail > 0


def _ends(name: str) -> tuple[str, str]:
    """What stands before the first `*` and after the last; a name without one is whole on both ends."""
    if "*" not in name:
        return name, name
    return name[: name.index("*")], name[name.rindex("*") + 1 :]
