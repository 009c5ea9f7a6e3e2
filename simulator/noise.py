"""What becomes of names, numbers, telephones and addresses on their way into a record. Enters: mentions. Leaves: the parties' columns.

Everything is done to whole columns: a character is replaced by slicing it out and looking it up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from simulator.columns import Flags, Ints, Notes, Random, blank, chance, glue, pick, put, strings, words


@cache
def lookalikes(name: str) -> Mapping[str, str]:
    """Character → the characters it is taken for: homophones, looks, traditional, slips."""
    others: dict[str, str] = {}
    for group in words("glyphs")[name].split():
        members = group[:1] if name == "traditional" else group
        for letter in members:
            others[letter] = others.get(letter, "") + group.replace(letter, "")
    return others


def swap(rng: Random, column: pl.Series, kind: str) -> tuple[pl.Series, Flags]:
    """Each text with one character replaced by one it is taken for; unchanged where the drawn character is taken for none.

    Returns:
        The texts, and which of them changed.
    """
    table = lookalikes(kind)
    seed, choice = rng.random((2, len(column)))
    frame = pl.DataFrame({"text": column, "seed": seed, "choice": choice})
    frame = frame.with_columns(at=(pl.col("seed") * pl.col("text").str.len_chars()).cast(pl.Int64))
    frame = frame.with_columns(old=pl.col("text").str.slice(pl.col("at"), 1))
    frame = frame.with_columns(found=pl.col("old").replace_strict(list(table), list(table.values()), default=None, return_dtype=pl.String))
    frame = frame.with_columns(new=pl.col("found").str.slice((pl.col("choice") * pl.col("found").str.len_chars()).cast(pl.Int64), 1))
    head, tail = pl.col("text").str.slice(0, pl.col("at")), pl.col("text").str.slice(pl.col("at") + 1)
    told = frame.select(
        text=pl.when(pl.col("new").is_null()).then("text").otherwise(pl.concat_str(head, "new", tail)), changed=pl.col("new").is_not_null()
    )
    return told["text"], told["changed"].to_numpy()


@dataclass(frozen=True)
class Slip:
    """A kind of slip: the list of glyphs it draws from, what it is called, and how often a character is drawn until one can be mistaken."""

    glyphs: str
    note: str
    tries: int = 3


HOMOPHONE, LOOK_ALIKE = Slip("homophones", "homophone"), Slip("looks", "look_alike")
FIRM_HOMOPHONE, FIRM_LOOK = Slip("homophones", "org_typo"), Slip("looks", "org_typo")
TEXT_SLIP = Slip("slips", "text_typo", tries=8)


def misspell(rng: Random, column: pl.Series, flags: Flags, slip: Slip, notes: Notes) -> pl.Series:
    """Replace one character of the flagged texts; a text whose drawn character cannot be mistaken is drawn again."""
    rows = np.flatnonzero(flags)
    done = np.zeros(len(column), dtype=np.bool_)
    for _ in range(slip.tries):
        if not len(rows):
            break
        told, changed = swap(rng, column.gather(rows), slip.glyphs)
        column = put(column, rows[changed], told.filter(pl.Series(changed)))
        done[rows[changed]] = True
        rows = rows[~changed]
    notes.add(slip.note, done)
    return column


def to_traditional(column: pl.Series, flags: Flags, notes: Notes) -> pl.Series:
    """The flagged names in traditional characters."""
    table = lookalikes("traditional")
    rows = np.flatnonzero(flags)
    told = column.gather(rows).str.replace_many(list(table), list(table.values()))
    notes.add("traditional", rows[(told != column.gather(rows)).to_numpy()])
    return put(column, rows, told)


def drop_or_double(rng: Random, column: pl.Series, flags: Flags, notes: Notes) -> pl.Series:
    """The flagged texts with their last-but-one character left out or written twice; short names are only doubled."""
    rows = np.flatnonzero(flags)
    frame = pl.DataFrame({"text": column.gather(rows), "drop": chance(rng, 0.4, len(rows))})
    at = pl.col("text").str.len_chars().cast(pl.Int64) - 1
    doubled = pl.concat_str(pl.col("text").str.slice(0, at), pl.col("text").str.slice(at - 1, 1), pl.col("text").str.slice(at))
    dropped = pl.concat_str(pl.col("text").str.slice(0, at - 1), pl.col("text").str.slice(at))
    told = frame.select(text=pl.when(pl.col("drop") & (at >= 2)).then(dropped).otherwise(doubled))
    notes.add("typo", rows)
    return put(column, rows, told["text"])


def mask(rng: Random, name: pl.Series, surname: pl.Series, is_male: Ints, flags: Flags, notes: Notes) -> pl.Series:
    """The flagged names masked: 张先生, 张女士, 张某某, 张某, 张*, 张**."""
    rows = np.flatnonzero(flags)
    endings = strings(["女士", "先生", "某某", "某", "*", "**"])
    polite = chance(rng, 0.62, len(rows))
    ending = pick(endings, np.where(polite, is_male[rows], rng.integers(2, 6, len(rows))))
    notes.add("masked_name", rows)
    return put(name, rows, glue(surname.gather(rows), ending))


def one_digit_off(rng: Random, column: pl.Series, flags: Flags, notes: Notes, note: str, first: int) -> pl.Series:
    """The flagged numbers with one digit wrong, from the `first`-th place on and before the last."""
    rows = np.flatnonzero(flags & column.is_not_null().to_numpy())
    text = column.gather(rows)
    frame = pl.DataFrame({"text": text, "seed": rng.random(len(rows)), "step": rng.integers(1, 10, len(rows))})
    frame = frame.with_columns(at=first + (pl.col("seed") * (pl.col("text").str.len_chars().cast(pl.Int64) - first - 1)).cast(pl.Int64))
    digit = pl.col("text").str.slice(pl.col("at"), 1).cast(pl.Int64, strict=False)
    frame = frame.with_columns(new=((digit.fill_null(0) + pl.col("step")) % 10).cast(pl.String))
    told = frame.select(
        pl.concat_str(pl.col("text").str.slice(0, pl.col("at")), "new", pl.col("text").str.slice(pl.col("at") + 1)).alias("t")
    )
    notes.add(note, rows)
    return put(column, rows, told["t"])


def fifteen(id_no: pl.Series, flags: Flags, notes: Notes) -> pl.Series:
    """The flagged numbers as they were before 1999: no century, no check digit."""
    rows = np.flatnonzero(flags & (id_no.str.len_chars() == 18).fill_null(False).to_numpy())
    text = id_no.gather(rows)
    notes.add("id15", rows)
    return put(id_no, rows, glue(text.str.slice(0, 6), text.str.slice(8, 9)))


def lower_x(id_no: pl.Series, flags: Flags, notes: Notes) -> pl.Series:
    """The flagged numbers with a small x at their end."""
    rows = np.flatnonzero(flags & id_no.str.ends_with("X").fill_null(False).to_numpy())
    notes.add("lower_x", rows)
    return put(id_no, rows, id_no.gather(rows).str.to_lowercase())


def keep(column: pl.Series, flags: Flags, notes: Notes, note: str) -> pl.Series:
    """The column where the flag is set; the rest is noted as missing."""
    notes.add(note, ~flags & column.is_not_null().to_numpy())
    return blank(column, flags)
