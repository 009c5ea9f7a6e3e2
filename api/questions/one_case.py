"""What is asked of one case: its parts, and as of when."""

from __future__ import annotations

import datetime as dt
import re
from urllib.parse import urlencode

from pydantic import Field, field_validator

from api.questions.cases import CaseParts
from api.questions.common import read_moment

_NUMBER = re.compile(r"[0-9]{1,18}")


class OneCase(CaseParts):
    """Which parts of a case are wanted, and as the hub knew it when."""

    as_of: str | None = Field(
        None,
        max_length=40,
        description="按当时所知：时间或变更号 · as the hub knew it then: a time (a date begins in Shanghai) or a change number.",
        examples=["2025-01-03T08:00:00+08:00", "1207"],
    )

    @field_validator("as_of")
    @classmethod
    def _is_moment(cls, value: str | None) -> str | None:
        if value is not None:
            _read(value)
        return value

    @property
    def moment(self) -> int | dt.datetime | None:
        """A change number, a time, or None for now."""
        return None if self.as_of is None else _read(self.as_of)

    @property
    def query_string(self) -> str:
        """The same question of another case, for a Location."""
        asked = {"include": ",".join(sorted(self.parts)), "as_of": self.as_of or ""}
        return urlencode({name: value for name, value in asked.items() if value}, safe=",")


def _read(value: str) -> int | dt.datetime:
    if _NUMBER.fullmatch(value):
        return int(value)
    try:
        return read_moment(value, day_end=False)
    except ValueError:
        raise ValueError("write a change number, 2025-01-03 or 2025-01-03T08:00:00+08:00") from None
