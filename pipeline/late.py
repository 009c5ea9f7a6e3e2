"""LATE: versions that came after one which the source said later: an older event sent again, a history read out of its order.

Used by LAND, ABSENT and REMAP: such a version is kept, and says nothing of what the record is now, though its number is the highest.
"""

from __future__ import annotations

from connectors.connector import FileConnector
from connectors.contract import Contract, CursorFeed, EventsFeed


def has_cursors(contract: Contract) -> bool:
    """Whether rows tell their place in their record's history, by which those of one page are put in order."""
    feed = contract.feed
    return isinstance(feed, CursorFeed) or (isinstance(feed, EventsFeed) and feed.order is not None)


def holds_history(contract: Contract) -> bool:
    """Whether a record's versions may come in any order, and tell their own: events are sent again, files read by their names.

    A table's row with an older cursor than before is what the record is now: it was set back there.
    """
    return has_cursors(contract) and (contract.feed.mode == "events" or isinstance(contract.connector, FileConnector))


def is_late(record: str) -> str:
    """SQL condition on a row of landing.record; its state is asked first, so that hardly any row has others looked up.

    Args:
        record: the row's alias.
    """
    return (
        f"({record}.state = 'superseded' AND {record}.source_cursor IS NOT NULL AND EXISTS ("
        f"SELECT FROM landing.record earlier WHERE earlier.department = {record}.department "
        f"AND earlier.source_record_id = {record}.source_record_id AND earlier.version < {record}.version "
        f"AND {is_below(f'{record}.source_cursor', 'earlier.source_cursor')}))"
    )


def is_below(cursor: str, other: str) -> str:
    """SQL condition: one place in a record's history lies before another; places of two kinds, of other lengths, are not compared."""
    return f'(length({cursor}) = length({other}) AND {cursor} COLLATE "C" < {other})'
