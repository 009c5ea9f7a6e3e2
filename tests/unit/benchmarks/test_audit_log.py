"""What the log adds is measured on calls that show twenty cases, beside calls that write no row at all."""

from __future__ import annotations

import httpx
import pytest

from api.audit.writer import AuditWriter
from benchmarks.audit_log import SHOWN, search, unwritten


def _showing(cases: int) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"items": [{}] * cases})))


def test_a_search_that_shows_too_few_cases_is_no_measure() -> None:
    search(_showing(SHOWN), "http://store")
    with pytest.raises(SystemExit, match="showed 3 cases"):
        search(_showing(3), "http://store")


def test_without_the_row_nothing_is_handed_to_the_writer_ahead_either() -> None:
    writer = AuditWriter(None)
    with unwritten():
        assert writer.submit({}).result() is None
    assert writer._waiting.empty()
    assert writer._thread is None
