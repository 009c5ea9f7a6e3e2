"""Single values of a source as text: keys, cursors, flags. Nothing here knows a contract."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日")
_FORMATS = tuple(f"{day}{time}" for day in _DAYS for time in (" %H:%M:%S", " %H:%M", ""))
_DIGITS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%f"}
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a wall clock's time; the contract's zone is put on later
_LARGEST_SERIAL = 100_000  # days: the year 2173; seconds since 1970 that small are the second of January 1970
_WORTH_A_COLUMN = 200
_EXACT = 2**53
_LARGEST_SECONDS = 100_000_000_000


def plain(value: Any) -> Any:
    """What orjson does not know as JSON: exact decimals and everything else as text, bytes in base64."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode("ascii")
    return str(value)


def key_text(value: Any) -> str | None:
    """One part of a key as text; None where there is none, or where what stands there can be no key."""
    if isinstance(value, str):
        text = value.strip()
        return text if text and "\x00" not in text else None
    if value is None or isinstance(value, (dict, list, tuple)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):  # above 2**53 it stands for several integers, and two keys would be one
        return None if not abs(value) < _EXACT else str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(plain(value))


def joined_key(parts: Sequence[str]) -> str:
    r"""Parts of a key as one text; `\` and `|` within them are escaped where there are several, else ("a|b", "c") were ("a", "b|c")."""
    if len(parts) == 1:
        return parts[0]
    return "|".join([part.replace("\\", "\\\\").replace("|", "\\|") for part in parts])


def bounded(text: str | None, longest: int) -> str | None:
    """An id as it is, or its hash where it has more characters than that."""
    if text is None or len(text) <= longest:
        return text
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def flag_text(value: Any) -> str:
    """A value as `in:` lists compare it: true and "true", 1 and "1" are one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return key_text(value) or ""


def moment(value: Any, zone: ZoneInfo) -> datetime | None:
    """A time in any of the forms that sources use, on its zone; None if it is none."""
    found: datetime | None = None
    if isinstance(value, str):
        found = _read(value.strip())
    elif isinstance(value, datetime):
        found = value
    elif isinstance(value, date):
        found = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the zone is put on below
    elif isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        found = _from_number(float(value))
    if found is None:
        return None
    return found.replace(tzinfo=zone) if found.tzinfo is None else found


def _read(text: str) -> datetime | None:
    if text.isdigit() and text.isascii():
        if len(text) in (10, 13):
            return _from_number(float(text))
        shape = _DIGITS.get(len(text))
        return _parse(text, shape) if shape else None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for shape in _FORMATS:
        found = _parse(text, shape)
        if found is not None:
            return found
    return None


def _parse(text: str, shape: str) -> datetime | None:
    with contextlib.suppress(ValueError):
        return datetime.strptime(text, shape)  # noqa: DTZ007 - a wall clock's time; moment() puts the zone on
    return None


def _from_number(number: float) -> datetime | None:
    with contextlib.suppress(ValueError, OverflowError, OSError):
        if 0 < number < _LARGEST_SERIAL:
            return _EXCEL_EPOCH + timedelta(days=number)
        return datetime.fromtimestamp(number / 1000 if number > _LARGEST_SECONDS else number, UTC)
    return None


def utc_text(value: datetime) -> str:
    """A time as text that sorts as the times do: 2026-01-02T03:04:05.000000Z."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def cursor_text(value: Any, cursor_type: str, zone: ZoneInfo) -> str | None:
    """A cursor's value as text that sorts as the values do; None where it cannot be read."""
    if value is None or value == "":
        return None
    if cursor_type == "time":
        try:
            found = moment(value, zone)
            return None if found is None else utc_text(found)
        except (ValueError, OverflowError):  # year 1 or 9999, moved over the edge by the zone
            return None
    text = key_text(value)
    if cursor_type == "integer":
        return text.zfill(20) if text is not None and text.isascii() and text.isdigit() else None
    return text


def cursor_texts(values: list[Any], cursor_type: str, zone: ZoneInfo) -> list[str | None]:
    """`cursor_text` of many values; times of one common writing all at once."""
    first = values[0] if values else None
    if cursor_type != "time" or not isinstance(first, str) or len(values) < _WORTH_A_COLUMN or set(map(type, values)) != {str}:
        return [cursor_text(value, cursor_type, zone) for value in values]
    import polars as pl  # not worth loading for a few rows

    shape = "%Y-%m-%dT%H:%M:%S" if "T" in first else "%Y-%m-%d %H:%M:%S"
    times = pl.Series(values, dtype=pl.String).str.to_datetime(shape, time_unit="us", strict=False)
    zoned = times.dt.replace_time_zone(zone.key, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
    texts: list[str | None] = zoned.dt.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_list()
    return [cursor_text(value, cursor_type, zone) if text is None else text for text, value in zip(texts, values, strict=True)]
