"""Names are looked up within a deadline, whatever the name server does, and one who asks takes no more than his share of the threads."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.watches.resolver import Resolver, TooSlow

Ask = Callable[[Resolver, str, str], list[str]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names that were asked for; `slow.example` is not answered while the test lasts, `none.example` is none."""
    names: list[str] = []
    is_over = threading.Event()

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        names.append(host)
        if host == "slow.example":
            is_over.wait(30)
        if host == "none.example":
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield names
    is_over.set()


def in_a_thread(resolver: Resolver, who: str, host: str) -> list[str]:
    return resolver.look_up(who, host, 443, 0.2)


def in_a_loop(resolver: Resolver, who: str, host: str) -> list[str]:
    return asyncio.run(resolver.find(who, host, 443, 0.2))


@pytest.mark.parametrize("ask", [in_a_thread, in_a_loop])
def test_a_name_is_told_or_refused(asked: list[str], ask: Ask) -> None:
    resolver = Resolver(places=1, each=1)
    for _ in range(3):  # each gives its place back
        assert ask(resolver, "zhang", "hooks.example") == ["8.8.8.8"]
        with pytest.raises(socket.gaierror):
            ask(resolver, "zhang", "none.example")


@pytest.mark.parametrize("ask", [in_a_thread, in_a_loop])
def test_a_silent_name_server_takes_one_askers_share(asked: list[str], ask: Ask) -> None:
    resolver = Resolver(places=3, each=2)
    for _ in range(5):
        with pytest.raises(TooSlow):
            ask(resolver, "zhang", "slow.example")
    assert asked == ["slow.example"] * 2
    with pytest.raises(TooSlow):
        ask(resolver, "zhang", "hooks.example")
    assert ask(resolver, "li", "hooks.example") == ["8.8.8.8"]
    with pytest.raises(TooSlow):
        ask(resolver, "li", "slow.example")
    with pytest.raises(TooSlow):  # every place is taken
        ask(resolver, "wang", "hooks.example")
