"""An issuer's keys: when they are fetched, how long they are good, and what is never fetched."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from api.authentication.issuers import FETCHES, MAX_WAITING, REFRESH_S, WAIT_S, Issuer
from hub.errors import IssuerUnavailable

URL = "https://sso.example/realms/gm"
GRACE_S = 3600.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Published:
    """What the issuer answers, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.keys = ["k1"]
        self.break_with: Callable[[httpx.Request], httpx.Response] | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if self.break_with is not None:
            return self.break_with(request)
        if request.url.path.endswith("openid-configuration"):
            return httpx.Response(200, json={"issuer": URL, "jwks_uri": "https://keys.example/jwks"})
        keys = [ECKey.generate_key("P-256", {"kid": kid}).as_dict(private=False) for kid in self.keys]
        return httpx.Response(200, json={"keys": keys})

    @property
    def fetches(self) -> int:
        return len([url for url in self.asked if url.endswith("openid-configuration")])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def issuer(published: Published, clock: Clock) -> Issuer:
    return Issuer(URL, None, httpx.Client(transport=httpx.MockTransport(published)), GRACE_S, clock)


def down(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no way")


def settle(published: Published, fetches: int) -> None:
    """Wait for the fetch that nobody waits for."""
    for _ in range(200):
        if published.fetches >= fetches and not any(thread.name == "casehub-jwks" for thread in threading.enumerate()):
            return
        time.sleep(0.01)
    raise AssertionError("no fetch came")


def test_keys_are_fetched_once_and_kept(issuer: Issuer, published: Published) -> None:
    assert published.asked == []
    assert issuer.key("k1") is issuer.key("k1") is not None
    assert published.asked == [f"{URL}/.well-known/openid-configuration", "https://keys.example/jwks"]


def test_keys_that_are_a_quarter_of_an_hour_old_are_fetched_anew_and_nobody_waits(
    issuer: Issuer, published: Published, clock: Clock
) -> None:
    before = issuer.key("k1")
    published.keys = ["k1", "k2"]
    clock.now += REFRESH_S + 1
    assert issuer.key("k1") is before
    settle(published, 2)
    assert issuer.key("k1") is not before
    assert issuer.key("k2") is not None
    assert published.fetches == 2


def test_an_unknown_id_is_looked_for_at_most_so_often(issuer: Issuer, published: Published, clock: Clock) -> None:
    for number in range(50):
        assert issuer.key(f"made-up-{number}") is None
    assert published.fetches == FETCHES
    published.keys = ["k9"]
    assert issuer.key("k9") is None
    clock.now += 31
    assert issuer.key("k9") is not None


def test_without_an_id_only_a_single_key_is_meant(issuer: Issuer, published: Published, clock: Clock) -> None:
    assert issuer.key(None) is not None
    published.keys = ["k1", "k2"]
    clock.now += GRACE_S + 1
    assert issuer.key(None) is None


def test_known_keys_go_on_for_the_grace_time_and_then_nobody_is_believed(issuer: Issuer, published: Published, clock: Clock) -> None:
    issuer.key("k1")
    published.break_with = down
    clock.now += GRACE_S - 1
    assert issuer.key("k1") is not None
    settle(published, 2)
    clock.now += 2
    with pytest.raises(IssuerUnavailable) as caught:
        issuer.key("k1")
    assert caught.value.retryable
    assert "sso.example" not in caught.value.message
    published.break_with = None
    clock.now += 31
    assert issuer.key("k1") is not None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(httpx.Response(500), id="500"),
        pytest.param(httpx.Response(302, headers={"Location": "https://elsewhere.example"}), id="a redirect"),
        pytest.param(httpx.Response(200, text="<html>"), id="HTML"),
        pytest.param(httpx.Response(200, json=[1]), id="a list"),
        pytest.param(httpx.Response(200, json={"issuer": URL}), id="no address of keys"),
        pytest.param(httpx.Response(200, json={"issuer": URL, "jwks_uri": URL, "keys": []}), id="no keys"),
        pytest.param(httpx.Response(200, json={"issuer": URL, "jwks_uri": URL, "keys": {"a": 1}}), id="keys that are none"),
        pytest.param(httpx.Response(200, text="[" * 100_000), id="nested deep"),
        pytest.param(httpx.Response(200, text=" " * 600_000), id="without end"),
        pytest.param(httpx.Response(200, json={"issuer": URL + "/", "jwks_uri": URL}), id="another name"),
        pytest.param(httpx.Response(200, json={"issuer": URL, "jwks_uri": "https://[broken"}), id="an address that is none"),
    ],
)
def test_an_answer_that_cannot_be_used(issuer: Issuer, published: Published, answer: httpx.Response) -> None:
    published.break_with = lambda _: answer
    with pytest.raises(IssuerUnavailable):
        issuer.key("k1")
    assert not any("elsewhere" in url for url in published.asked)


def test_an_issuer_that_hangs_holds_few_up(published: Published, clock: Clock) -> None:
    go_on, entered = threading.Event(), threading.Semaphore(0)

    def hang(request: httpx.Request) -> httpx.Response:
        entered.release()
        go_on.wait(10)
        return published(request)

    issuer = Issuer(URL, None, httpx.Client(transport=httpx.MockTransport(hang)), GRACE_S, clock)
    threads = [threading.Thread(target=_ignore(IssuerUnavailable, issuer.key), args=("k1",)) for _ in range(MAX_WAITING)]
    for thread in threads:
        thread.start()
    assert entered.acquire(timeout=5)
    deadline = time.monotonic() + 5
    while issuer._waiting._value:  # how many more may wait
        assert time.monotonic() < deadline, "not all of them wait"
        time.sleep(0.005)
    began = time.monotonic()
    with pytest.raises(IssuerUnavailable):
        issuer.key("k1")
    assert time.monotonic() - began < WAIT_S / 2
    go_on.set()
    for thread in threads:
        thread.join()
    assert issuer.key("k1") is not None


def _ignore(error: type[Exception], call: Callable[[str], Any]) -> Callable[[str], None]:
    def called(word: str) -> None:
        with contextlib.suppress(error):
            call(word)

    return called


@pytest.mark.parametrize("place", ["http://keys.example/jwks", "file:///etc/passwd", "//keys.example/jwks", "https://", 7])
def test_keys_are_fetched_from_nowhere_that_somebody_could_tamper_with(issuer: Issuer, published: Published, place: object) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        published.break_with = None
        return httpx.Response(200, json={"issuer": URL, "jwks_uri": place})

    published.break_with = answer
    with pytest.raises(IssuerUnavailable):
        issuer.key("k1")
    assert published.asked == [f"{URL}/.well-known/openid-configuration"]


def test_many_who_ask_at_once_cause_one_fetch(published: Published, clock: Clock) -> None:
    def slowly(request: httpx.Request) -> httpx.Response:
        time.sleep(0.05)
        return published(request)

    issuer = Issuer(URL, None, httpx.Client(transport=httpx.MockTransport(slowly)), GRACE_S, clock)
    found: list[Any] = []

    def ask() -> None:
        found.append(issuer.key("k1"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert None not in found
    assert published.fetches == 1
