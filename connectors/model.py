"""What every part of a contract is made of: a strict, frozen model, durations, names, cron lines."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from connectors.document import REFUSED
from hub.wording import Words


class Strict(BaseModel):
    """A part of a contract: unknown keys are refused, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=())


def refuse(message: str, *, remedy: str = "", allowed: tuple[str, ...] = (), at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """An error of a validator, with the remedy that `casehub sources check` shows, and where below the model it is."""
    context: dict[str, Any] = {"text": message, "remedy": remedy, "allowed": allowed, "at": at}
    return PydanticCustomError(REFUSED, "{text}", context)


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?|P\d+[WY]", value):
        raise refuse(
            "不是 ISO-8601 时长 · is not an ISO-8601 duration",
            remedy="一天写 P1D，十分钟写 PT10M，三十秒写 PT30S · write P1D for a day, PT10M for ten minutes, PT30S for thirty seconds",
        )
    weeks = re.fullmatch(r"P(\d+)W", value)
    return timedelta(weeks=int(weeks[1])) if weeks else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Text = Annotated[StrictStr, Field(min_length=1)]
Name = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Scalar = StrictStr | StrictInt | StrictFloat | StrictBool
Positive = Annotated[StrictInt, Field(ge=1)]
Whole = Annotated[StrictInt, Field(ge=0)]


def as_tuple(value: object) -> object:
    """One name, or a list of names."""
    return (value,) if isinstance(value, str) else value


def unique(value: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list that names something twice."""
    twice = sorted({name for name in value if value.count(name) > 1})
    if twice:
        raise refuse(f"重复列出 {'、'.join(twice)} · names {', '.join(twice)} twice", remedy="每个只列一次 · name each once")
    return value


def zone_name(value: str) -> str:
    """Refuse a name that is no time zone's."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise refuse(f"{value!r} 不是时区 · {value!r} is no time zone", remedy="写 Asia/Shanghai · write Asia/Shanghai") from None
    return value


def cron_line(value: str) -> str:
    """Refuse a line that cron could not read."""
    fault = cron_fault(value)
    if fault is not None:
        raise refuse(fault, remedy='每十分钟写作 "*/10 * * * *" · write "*/10 * * * *" for every ten minutes')
    return value


_PRESETS = {"@hourly", "@daily", "@weekly", "@monthly", "@yearly"}
_CRON = (
    (Words("分钟", "minute"), 0, 59),
    (Words("小时", "hour"), 0, 23),
    (Words("日", "day of month"), 1, 31),
    (Words("月", "month"), 1, 12),
    (Words("星期", "day of week"), 0, 7),
)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CRON_WORDS = {word: number for words, first in ((_DAYS, 0), (_MONTHS, 1)) for number, word in enumerate(words, first)}


def cron_fault(line: str) -> str | None:
    """Why a cron line cannot be read; None if it can."""
    if line in _PRESETS:
        return None
    parts = line.split()
    if len(parts) != len(_CRON):
        return f"cron 表达式须有五段，现有 {len(parts)} 段 · a cron line has five parts, this has {len(parts)}"
    for part, (name, low, high) in zip(parts, _CRON, strict=True):
        for piece in part.split(","):
            if not _cron_piece(piece, low, high):
                return f"{piece!r} 不是有效的{name.zh}（{low}-{high}） · {piece!r} is no {name.en} ({low}-{high})"
    return None


def _cron_piece(piece: str, low: int, high: int) -> bool:
    span, _, step = piece.partition("/")
    if "/" in piece and not (step.isdigit() and int(step) > 0):
        return False
    if span == "*":
        return True
    ends = [_CRON_WORDS.get(end.lower(), end) for end in span.split("-")]
    if len(ends) > 2 or not all(str(end).isdigit() for end in ends):
        return False
    numbers = [int(end) for end in ends]
    return all(low <= number <= high for number in numbers) and numbers == sorted(numbers)
