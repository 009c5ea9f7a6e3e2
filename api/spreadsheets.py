"""What a spreadsheet makes of a text: whether a cell would be taken for a formula and carried out by whoever opens the file."""

from __future__ import annotations

import re

#: Signs that begin one in Excel and its like, in full width too, also behind blanks; tabs and line ends begin a cell of their own in some.
_FORMULA = re.compile(r"[\s\ufeff]*[=+\-@＝＋－＠]|[ \u00a0\u3000\ufeff]*[\t\r\n]")


def is_formula(text: str) -> bool:
    """Whether it would be carried out; an apostrophe before it is the only mark that every spreadsheet understands in a CSV."""
    return _FORMULA.match(text) is not None
