"""What several questions have in common: strictness, codes of departments, cursors, moments."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

SHANGHAI = dt.timezone(dt.timedelta(hours=8))

_CODE = re.compile(r"[a-z][a-z0-9_]{1,39}")


def _is_code(value: object) -> object:
    if isinstance(value, str) and not _CODE.fullmatch(value):
        raise ValueError(
            "写部门代码，如 labour；GET /v1/sources 列出全部 · write a department's code, as labour; GET /v1/sources lists them"
        )
    return value


DepartmentCode = Annotated[str, StringConstraints(pattern=f"^{_CODE.pattern}$"), BeforeValidator(_is_code)]
CursorText = Annotated[str, StringConstraints(max_length=200)]
RuleText = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f]*$")]


def _is_no_number(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError("写 true 或 false · write true or false")
    return value


Flag = Annotated[bool, BeforeValidator(_is_no_number)]


def listed(words: Iterable[str], description: str, example: str) -> Any:
    """A field that holds some of these words with commas between them, and blanks where one likes."""
    word = f" *({'|'.join(words)})? *"
    return Field("", max_length=100, pattern=f"^{word}(,{word})*$", description=description, examples=[example])


def split(value: str) -> list[str]:
    """The words of such a field."""
    return [part.strip(" ") for part in value.split(",") if part.strip(" ")]


def require_listed(value: object, words: Iterable[str]) -> None:
    """Say which words there are: the pattern that others do not match says little.

    Raises:
        ValueError: one is none of these.
    """
    allowed = tuple(words)
    if isinstance(value, str) and not set(split(value)) <= set(allowed):
        raise ValueError(f"可用值，以逗号分隔：{'、'.join(allowed)} · any of these, separated by commas: {', '.join(allowed)}")


class Strict(BaseModel):
    """What is not understood is refused."""

    model_config = ConfigDict(extra="forbid")


def moment(description: str) -> Any:
    """A field that holds a time or a date."""
    return Field(None, description=description, examples=["2025-01-03", "2025-01-03T08:00:00+08:00"])


def read_moment(value: str, *, day_end: bool) -> dt.datetime:
    """A time with its zone, Shanghai's if none is said; a date is its beginning there or, as an end, the next one's.

    Raises:
        ValueError: it is neither.
    """
    try:
        if len(value) == 10:
            day = dt.datetime.combine(dt.date.fromisoformat(value), dt.time(), SHANGHAI)
            moment = day + dt.timedelta(days=1) if day_end else day
        else:
            moment = dt.datetime.fromisoformat(value)
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=SHANGHAI).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ValueError("写作 2025-01-03 或 2025-01-03T08:00:00+08:00 · write 2025-01-03 or 2025-01-03T08:00:00+08:00") from None
