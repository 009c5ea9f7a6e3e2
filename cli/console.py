"""Where commands print: a console that shows a department's own words as they are."""

from __future__ import annotations

from typing import Any

from rich import console


class Console(console.Console):
    """Without emoji: of a number such as `12:key:3` a picture would be left."""

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)
