"""EVENT ORDER: which of two events of a record is the later one, where an event tells its time or number (`feed.order`).

Used by LAND, NORMALISE and REMAP. Events are sent at least once, and one that was not taken is sent again after others: the last
to arrive need not be the last that was said. Each lands as a version in the order of arrival; NORMALISE lets none become current
that lies below what is. What was refused or held, and is taken in after older ones, gets another number then: the highest is current.
"""

from __future__ import annotations

from connectors.contract import Contract


def is_ordered(contract: Contract) -> bool:
    """Whether its events tell their place among those of their record; landing.record keeps it as `source_cursor`."""
    return getattr(contract.feed, "order", None) is not None


def is_below(place: str, other: str) -> str:
    """SQL condition: one place in a record's history lies before another; a time and a number, of other lengths, are not compared."""
    return f'(length({place}) = length({other}) AND {place} COLLATE "C" < {other})'


def place_of(row: str, *, within: str = "true") -> str:
    """SQL expression: the place of a row of landing.record; one without counts as following what arrived of its record before it.

    Args:
        row: its alias; the others are those that the statement reads with it.
        within: SQL condition on what others count; rows that meet it are placed among themselves.
    """
    others = f"PARTITION BY {row}.source_record_id, {within} ORDER BY {row}.version"
    return f'coalesce({row}.source_cursor, max({row}.source_cursor COLLATE "C") OVER ({others})) COLLATE "C"'


def overtakes(newer: str, older: str, *, ordered: bool) -> str:
    """SQL condition on two rows of landing.record, versions of one record: by place where both tell one, else by the order of arrival.

    Args:
        newer: alias of the row that may say the later.
        older: alias of the other.
        ordered: whether events tell their place.
    """
    arrived_later = f"{newer}.version > {older}.version"
    if not ordered:
        return arrived_later
    earlier, later = f"{older}.source_cursor", f"{newer}.source_cursor"
    return f"({is_below(earlier, later)} IS TRUE OR {arrived_later} AND {is_below(later, earlier)} IS NOT TRUE)"
