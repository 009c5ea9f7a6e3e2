"""DISCARDED: versions that a person put aside with their whole batch count as never received, but for their number.

Used by LAND and ABSENT: else what was right in a batch that was wrong as a whole would be "already known", and stay out for ever.
"""

from __future__ import annotations


def is_discarded(record: str) -> str:
    """SQL condition on a row of landing.record; its state is asked first, so that hardly any row has its batch looked up.

    A single row that was discarded out of quarantine is not meant: whoever did so has judged that very content.

    Args:
        record: the row's alias.
    """
    return (
        f"({record}.state = 'superseded' AND EXISTS ("
        f"SELECT FROM ops.batch b WHERE b.batch_id = {record}.batch_id AND b.state = 'discarded'))"
    )
