"""How many exports run at once: real ones, that are being read."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import httpx
import pytest

from api.export import running
from tests.integration.api.builders import Api

BODY = {"format": "jsonl", "receiver": "区法院立案庭"}


@contextlib.contextmanager
def exporting(api: Api) -> Iterator[httpx.Response]:
    """An export of which the first bytes have come."""
    with api.stream("POST", "/v1/cases/export", json=BODY) as answer:
        assert answer.status_code == 200, answer.read()
        pieces = answer.iter_bytes()
        assert next(pieces)
        yield answer
        pieces.close()  # an iterator that nobody holds any more ends the answer


def refused(api: Api) -> httpx.Response:
    with api.stream("POST", "/v1/cases/export", json=BODY) as answer:
        if answer.status_code != 200:  # an export that is accepted has no end to be read to
            answer.read()
        return answer


def wait_for_a_place(department: str) -> None:
    deadline = time.monotonic() + 20
    while running._running[department, "clerk"] > 1:
        assert time.monotonic() < deadline, "an export that nobody reads any more keeps its place"
        time.sleep(0.02)


@pytest.mark.usefixtures("endless")
def test_a_department_exports_two_at_a_time_and_the_next_when_one_has_ended(api: Api) -> None:
    petition, labour = api.as_("clerk", "petition"), api.as_("clerk", "labour")
    with exporting(petition):
        with exporting(petition):
            third = refused(petition)
            assert (third.status_code, third.json()["type"]) == (409, "urn:casehub:problem:busy")
            assert third.headers["retry-after"]
            with exporting(labour):
                assert refused(petition).status_code == 409
        wait_for_a_place("petition")
        with exporting(petition):
            assert refused(petition).status_code == 409
