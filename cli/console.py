"""Where commands print: a console that shows a department's own words as they are, and into a file or pipe each row whole."""

from __future__ import annotations

import os
from typing import Any

from rich import console

_UNBOUNDED = 10_000  # columns


class Console(console.Console):
    """Without emoji: of a number such as `12:key:3` a picture would be left.

    Where there is no terminal nothing is broken over lines: what is read by a program, or searched, has each id and name in one piece.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)
        if not self.is_terminal and "width" not in options and not os.environ.get("COLUMNS"):
            self.width = _UNBOUNDED
