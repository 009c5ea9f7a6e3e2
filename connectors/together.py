"""TOGETHER: small pages as larger ones, for LAND."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pyarrow as pa

from connectors.pages import Page
from hub.errors import HubError


def together(pages: Iterable[Page], rows: int) -> Iterator[Page]:
    """Small pages as one of at least so many rows: to LAND each is a transaction of ten statements.

    What came before an error is handed on before it.
    """
    waiting: list[Page] = []
    try:
        for page in pages:
            waiting.append(page)
            if sum(each.rows.num_rows for each in waiting) >= rows:
                whole, waiting = _joined(waiting), []
                yield whole
    except HubError:
        if waiting:
            yield _joined(waiting)
        raise
    if waiting:
        yield _joined(waiting)


def _joined(pages: list[Page]) -> Page:
    last = pages[-1]
    columns = dict.fromkeys(name for page in pages for name in page.columns)
    return replace(last, rows=pa.concat_tables([page.rows for page in pages]), columns=tuple(columns))
