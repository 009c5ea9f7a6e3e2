"""What is asked of the change feed."""

from __future__ import annotations

from pydantic import Field

from api.questions.common import CursorText, Strict
from schema.states import Relation

LATEST = "latest"


class ChangeStreamQuery(Strict):
    """From where on, and of what."""

    since: CursorText | None = Field(
        None,
        description="上一页的 next_cursor；latest：从现在起；不带：从头 · next_cursor of the page before; latest: from now on; without: "
        "from the beginning.",
        examples=["latest"],
    )
    relation: Relation | None = Field(None, description="只看此类 · of these alone.")


class ChangeQuery(ChangeStreamQuery):
    """One page of changes."""

    limit: int = Field(100, ge=1, le=1000, description="每页条数 · changes a page.")
    wait: float = Field(0, ge=0, le=30, description="没有变更时最多等待的秒数 · seconds to wait where there is none yet.")
