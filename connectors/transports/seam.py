"""SEAM: whether a page of an offset or a page number follows the one before it without a gap.

Where a source lists rows by when they changed, one that changes while pages are read goes to the end, and one that is deleted
goes for good: all behind it move up, and the row that was the first of the next page is now the last of a page that was read.
No page has it, and a watermark would pass it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.pages import Paginator
from connectors.rows import Row
from hub.errors import SourceUnavailable

_SECOND = 2


class Seam:
    """The pages of one pull, joined.

    Args:
        paginator: tells rows from one another.
        department: for messages.
        size: rows asked for at once; a first page of fewer, with nothing after it, is all. Of later ones that says nothing, for many a
            source gives fewer at once than it is asked for.
        is_watched: false for what says itself what comes next, and for sweeps and snapshots, which count instead.
    """

    def __init__(self, paginator: Paginator, department: str, size: int | None, *, is_watched: bool) -> None:
        self._paginator, self._department, self._size = paginator, department, size or 0
        self._before: Sequence[Row] = ()
        self._pages = 0
        self.is_watched = is_watched

    def follow(self, rows: list[Row], again: Callable[[], list[Row]], *, overlaps: bool = False) -> list[Row]:
        """What is new with the next page.

        Args:
            rows: of the page.
            again: asks for the page before once more; not called where the page itself shows that nothing moved.
            overlaps: its first row should be the last of the page before.

        Returns:
            Its rows, less those at its head that the page before had; and before them those that moved up between the two.

        Raises:
            SourceUnavailable: of the page before nothing is left where it was, so that how much moved cannot be told.
        """
        before, self._before, self._pages = self._before, rows, self._pages + 1
        is_end = not rows and not overlaps and self._pages == _SECOND and len(before) < self._size
        if not self.is_watched or not before or is_end:
            return rows
        known, marks = self._paginator.marks(before), self._paginator.marks(rows)
        if overlaps and marks and marks[0] == known[-1]:
            return rows[1:]
        if overlaps and marks and marks[0] in known:  # something came in before it: all moved down, which loses nothing
            return rows[next((place for place, mark in enumerate(marks) if mark not in known), len(rows)) :]
        earlier = again()
        marks_now = self._paginator.marks(earlier)
        if not set(marks_now) & set(known):
            raise self._moved()
        stayed, seen = max(place for place, mark in enumerate(marks_now) if mark in known), set(marks)  # what is before it came late
        return [*(row for place, row in enumerate(earlier) if place > stayed and marks_now[place] not in seen), *rows]

    def _moved(self) -> SourceUnavailable:
        return SourceUnavailable(
            f"{self._department}: 翻页期间来源的记录整页移动，无法确认没有遗漏 · "
            f"{self._department}: rows moved by a whole page while pages were read, and some may have been passed over",
            remedy="再运行一次，从已落地处继续 · run it again: it goes on from what has landed",
            department=self._department,
        )
