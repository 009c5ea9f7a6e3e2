"""What the API's benchmark does with answers that are errors: it ends, and gives no figure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import pytest

from benchmarks import api
from benchmarks import api_client as client


def _answers(*statuses: int) -> client.Measured:
    return client.Measured(seconds=[0.001] * len(statuses), statuses=list(statuses), bodies=[b"{}"] * len(statuses), wall_s=1.0)


class _Bench:
    """A server of which only what it answers is known."""

    engine = server = token = None
    drawing = SimpleNamespace(mixed=lambda _: [])

    def place(self, _: object) -> client.Place:
        return client.Place("127.0.0.1", 1, "token")

    def raw(self, _: object, asked: Sequence[object]) -> list[bytes]:
        return [b""] * 2


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> _Bench:
    @contextlib.contextmanager
    def running(*_: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(usage=lambda: api_usage)

    class _Used:
        api_s = database_s = 0.5

        def __sub__(self, _: object) -> _Used:
            return self

    api_usage = _Used()
    monkeypatch.setattr(api, "running", running)
    monkeypatch.setattr(api, "_prospects", lambda *_: [])
    for way in ("in_turn", "as_fast_as", "at_rate"):
        monkeypatch.setattr(client, way, lambda *_, **__: _answers(200, 200))
    return _Bench()


@pytest.mark.parametrize("way", ["in_turn", "as_fast_as", "at_rate"])
def test_no_figure_of_match_is_given_over_errors(bench: _Bench, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(client, way, lambda *_, **__: _answers(200, 500))
    with pytest.raises(SystemExit, match=r"1 of 2 requests were not answered \(.*200: 1, 500: 1\)"):
        api._match(bench)


def test_only_404_is_no_such_route(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "in_turn", lambda *_, **__: _answers(404, 404))
    assert [row.note for row in api._match(bench)[1]] == ["no such route"]
    monkeypatch.setattr(client, "in_turn", lambda *_, **__: _answers(404, 503))
    with pytest.raises(SystemExit, match="2 of 2"):
        api._match(bench)


def test_match_that_is_answered_has_its_figures(bench: _Bench) -> None:
    assert [row.verdict for row in api._match(bench)[1]] == ["[red]not met[/red]", "[green]met[/green]"]


@pytest.mark.parametrize("failing", [pytest.param(1, id="the first time"), pytest.param(2, id="once more"), pytest.param(3, id="straight")])
def test_no_time_of_a_kind_is_given_over_errors(bench: _Bench, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    turns = iter(range(1, 4))

    def asked(*_: object, **__: object) -> client.Measured:
        return _answers(200, 503 if next(turns) == failing else 200)

    monkeypatch.setattr(client, "in_turn", asked)
    monkeypatch.setattr(api, "statements_of", lambda *_: [])
    straight = SimpleNamespace(run=lambda _: asked() if straight.warm else setattr(straight, "warm", True), warm=False)
    with pytest.raises(SystemExit, match="1 of 2 requests were not answered"):
        api._one(bench, None, None, straight, [api.Asked("GET", "/v1/cases/1")])


def test_no_load_is_set_by_a_limit_that_counts_errors(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "as_fast_as", lambda *_, **__: _answers(200, 0))
    with pytest.raises(SystemExit, match="the limit: 1 of 2"):
        api._load(bench)
