"""NAMES: the keys by which search finds names that are typed otherwise, for each distinct name that a party bears.

Enter names of a chunk's parties inside RESOLVE's transaction, or all of a store's that has none yet; leave rows of
store.name_form. A name stays there while nobody bears it any more: it then leads to no record.
"""

from __future__ import annotations

import logging

import polars as pl
from sqlalchemy import Connection, text

from matching.search_keys import organisation_keys, person_keys
from pipeline.resolving.candidates import open_key_numbers
from pipeline.store.channel import Channel
from pipeline.store.copying import copy_in, cursor_of, read_frame
from schema.tables.names import NAME_LONGEST

logger = logging.getLogger(__name__)

_PART = 10_000  # names worked out at once where a whole store is filled: ten times as many took 150 MB more
_UNKNOWN = """
SELECT t.name FROM unnest(%(names)s::text[]) AS t (name)
WHERE NOT EXISTS (SELECT FROM store.name_form f WHERE f.name = t.name)
"""
_IS_BEHIND = "SELECT NOT EXISTS (SELECT FROM store.name_form) AND EXISTS (SELECT FROM store.party WHERE name IS NOT NULL)"
_ALL = f"SELECT DISTINCT name, kind FROM store.party WHERE length(name) <= {NAME_LONGEST}"


def write_names(channel: Channel, parties: pl.DataFrame) -> None:
    """Keep the keys of names that are new.

    Args:
        channel: of the chunk's transaction; the resolve lock keeps others from writing the same name.
        parties: (name, kind) of the parties that the chunk looked at.
    """
    borne = _fit(parties)
    if borne.is_empty():
        return
    unknown = channel.read(_UNKNOWN, names=borne["name"].unique())
    new = borne.join(unknown, on="name", how="semi")
    if new.height:
        channel.copy("store.name_form", forms(new), puts_off=True)


def catch_up(connection: Connection) -> int:
    """Fill a store whose parties came before there were keys; commits.

    Returns:
        How many names were written; 0 where keys stand already.
    """
    written = 0
    if connection.execute(text(_IS_BEHIND)).scalar_one():
        borne = _fit(read_frame(connection, _ALL))
        names = borne["name"].unique(maintain_order=True)
        for start in range(0, len(names), _PART):
            part = borne.filter(pl.col("name").is_in(names.slice(start, _PART).implode()))
            written += copy_in(cursor_of(connection), "store.name_form", forms(part))
        logger.info("search: keys of %d names written", written)
    connection.commit()
    return written


def forms(parties: pl.DataFrame) -> pl.DataFrame:
    """(name, keys) of each distinct name, from (name, kind)."""
    of_kind = {kind: parties.filter(pl.col("kind") == kind)["name"] for kind in ("person", "organisation")}
    keys = pl.concat([person_keys(of_kind["person"]), organisation_keys(of_kind["organisation"])])
    numbered = keys.with_columns(open_key_numbers(keys["key"]).alias("keys"))
    return numbered.group_by("name", maintain_order=True).agg(pl.col("keys").unique(maintain_order=True))


def _fit(parties: pl.DataFrame) -> pl.DataFrame:
    fits = pl.col("name").str.len_chars() <= NAME_LONGEST  # null for no name
    return parties.select("name", "kind").filter(fits).unique(maintain_order=True)
