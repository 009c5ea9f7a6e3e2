"""What is asked of one case: its parts, and as of when."""

from __future__ import annotations

import datetime as dt
import re
from urllib.parse import urlencode

from pydantic import Field, field_validator

from api.questions.cases import CaseParts
from api.questions.common import read_moment

_TIME_LENGTH = 40  # at most; a position is longer
_POSITION = re.compile(r"[A-Za-z0-9_-]+")


class OneCase(CaseParts):
    """Which parts of a case are wanted, and as the hub knew it when."""

    as_of: str | None = Field(
        None,
        max_length=100,
        description="按当时所知：时间，或答复中的 as_of_change、change_number · as the hub knew it then: a time (a date begins in "
        "Shanghai), or as_of_change or change_number of an answer, as it was.",
        examples=["2025-01-03T08:00:00+08:00"],
    )

    @field_validator("as_of")
    @classmethod
    def _is_moment(cls, value: str | None) -> str | None:
        if value is not None:
            _read(value)
        return value

    @property
    def moment(self) -> str | dt.datetime | None:
        """A position, a time, or None for now."""
        return None if self.as_of is None else _read(self.as_of)

    @property
    def query_string(self) -> str:
        """The same question of another case, for a Location."""
        asked = {"include": ",".join(sorted(self.parts)), "as_of": self.as_of or ""}
        return urlencode({name: value for name, value in asked.items() if value}, safe=",")


def _read(value: str) -> str | dt.datetime:
    if len(value) > _TIME_LENGTH and _POSITION.fullmatch(value):
        return value
    try:
        if value.isdigit():  # eight digits would pass for a day, and were a change's number once
            raise ValueError
        return read_moment(value, day_end=False)
    except ValueError:
        raise ValueError(
            "写作 2025-01-03 或 2025-01-03T08:00:00+08:00，或填写答复中的 as_of_change · "
            "write 2025-01-03 or 2025-01-03T08:00:00+08:00, or pass as_of_change of an answer"
        ) from None
