"""AHEAD: what can be done for a chunk's cases while their parties are still being settled.

Cases are compared by who is on their sides, among other things, and so wait for persons and organisations, which are most of a small
chunk of a large store. All else of a record is known before, and most of those that it will be compared with meet it by
place, time, number or words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from pipeline.resolving.candidates import Blocks, in_turn, meet_published, read_blocks
from pipeline.resolving.links import Task, forms_of, keys_of
from pipeline.resolving.relations import CASE, ask_cases, without_parties

#: Records; of more it is not done: both cores have enough to do, and memory is short.
AHEAD_MOST = 5000


@dataclass(frozen=True)
class Ahead:
    """Records of a chunk and others that they meet, nobody on their sides."""

    rows: pl.DataFrame  # as `ask_cases` gives them
    forms: pa.Table
    blocks: Blocks  # under keys that name no party
    others: tuple[pl.DataFrame, pa.Table] | None  # rows and forms of whom to compare them with, as far as these keys tell


def look_ahead(task: Task, waiting: Callable[[], pl.DataFrame]) -> Ahead | None:
    """Make forms of records, and find and read whom they meet.

    Args:
        task: of relation case.
        waiting: as `ask_cases` gives it.

    Returns:
        None where no record is there.
    """
    rows = waiting()
    if rows.is_empty():
        return None
    forms = forms_of(task, without_parties(rows))
    keys = keys_of(task, forms)
    blocks = read_blocks(task.channel, CASE, keys["key"])
    met = meet_published(blocks, keys, unless=pl.concat([rows["id"], task.gone]))
    first = in_turn(task.channel, CASE, met).filter("is_first")["other"].unique()
    others = ask_cases(task.channel, first)() if len(first) else rows.clear()
    return Ahead(rows, forms, blocks, (others, forms_of(task, without_parties(others))) if others.height else None)
