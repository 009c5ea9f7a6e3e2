"""API keys: what is kept of them, who they are refused to, how fast they end, and what guessing at them brings."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from api.access import Caller
from api.authentication import key_check
from api.authentication.key_check import KeyCheck
from api.authentication.keys import create_key, list_keys, revoke_key, rotate_key
from hub.errors import HubError, NotFound, RequestError
from tests.integration.api.builders import DIRECTORY, Api, Store, running_api_of
from tests.integration.api.counting import statements
from tests.integration.api.waiting import wait_for

ZHANG = Caller("zhang", "clerk", "labour")
LI = Caller("li", "engineer", None)


def ask(api: Api, key: str, **headers: str) -> Any:
    return api.get("/v1/sources", headers={"Authorization": b"Bearer " + key.encode("utf-8"), **headers})


@contextlib.contextmanager
def api_with(engine: Engine, **settings: Any) -> Iterator[Api]:
    with running_api_of(engine, DIRECTORY, **settings) as running:
        yield running


def test_the_store_keeps_no_secret(store: Store) -> None:
    key = create_key(store.engine, ZHANG, 1)
    assert re.fullmatch(r"casehub_[a-z0-9]{12}_[A-Za-z0-9_-]{43}", key)
    (row,) = store.rows("SELECT * FROM ops.api_key")
    secret = key.split("_", 2)[2]
    assert secret not in str(row)
    assert secret not in str(list_keys(store.engine))
    assert len(bytes(row["secret_hash"])) == 32
    assert row["key_id"] == key.split("_")[1]


@pytest.mark.parametrize(
    ("caller", "error"),
    [
        pytest.param(Caller("zhang", "clerk", None), RequestError, id="clerk without a department"),
        pytest.param(Caller("zhang", "king", "labour"), RequestError, id="unknown role"),
        pytest.param(Caller("zhang", "Clerk; --", "labour"), RequestError, id="no role at all"),
        pytest.param(Caller("", "admin", None), RequestError, id="no name"),
        pytest.param(Caller("a b", "admin", None), RequestError, id="blank in name"),
        pytest.param(Caller("zhang", "clerk", "Labour; --"), RequestError, id="no department code"),
        pytest.param(Caller("taken", "admin", None), RequestError, id="taken"),
    ],
)
def test_unsound_keys_are_refused(store: Store, caller: Caller, error: type[HubError]) -> None:
    create_key(store.engine, Caller("taken", "admin", None), 1)
    with pytest.raises(error):
        create_key(store.engine, caller, 1)
    assert [key.name for key in list_keys(store.engine)] == ["taken"]


def test_every_refusal_is_the_same_and_costs_the_same(api: Api, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    good = create_key(store.engine, ZHANG, 1)
    revoked = create_key(store.engine, Caller("wang", "clerk", "labour"), 1)
    revoke_key(store.engine, "wang")
    key_id = good.split("_")[1]
    bad = {
        "unknown id": f"casehub_{'0' * 12}_{good.split('_', 2)[2]}",
        "wrong secret": f"casehub_{key_id}_{'A' * 43}",
        "revoked": revoked,
        "expired": create_key(store.engine, Caller("late", "clerk", "labour"), -1),
        "elsewhere": create_key(store.engine, Caller("far", "clerk", "labour"), 1, networks=["10.0.0.0/8"]),
        "no key at all": "x",
        "odd letters": "casehub_é_" + "ÿ" * 43,
    }
    answers = {}
    with caplog.at_level(logging.INFO, "api.authentication"):
        for name, key in bad.items():
            with statements(of_keys=True) as seen:
                answers[name] = ask(api, key)
            found = [statement for statement in seen if "ops.api_key" in statement]
            assert len(found) == 1, (name, found)
            assert found[0].startswith("SELECT"), name
    for name, answer in answers.items():
        told = answer.json()
        assert answer.status_code == 401, name
        told.pop("request_id")
        assert told == {key: value for key, value in answers["unknown id"].json().items() if key != "request_id"}, name
        assert answer.headers["www-authenticate"] == answers["unknown id"].headers["www-authenticate"], name
    log = caplog.text
    for reason in ("no such key", "wrong secret", "is revoked", "has expired", "outside its networks"):
        assert reason in log
    assert not any(key in log for key in bad.values() if len(key) > 5)
    # Whose a key is that is refused all the same is written down, for it may be in another's hands; a guess is nobody's.
    whose = {"revoked": ("wang", "labour"), "expired": ("late", "labour"), "elsewhere": ("far", "labour")}
    written = store.rows("SELECT caller, department, outcome FROM audit.access ORDER BY access_id")
    told = {name: (row["caller"], row["department"]) for name, row in zip(bad, written, strict=True)}
    assert told == {name: whose.get(name, ("anonymous", None)) for name in bad}
    assert {row["outcome"] for row in written} == {401}
    assert ask(api, good).status_code == 200


def test_a_revocation_is_obeyed_within_a_second(api: Api, store: Store) -> None:
    key = create_key(store.engine, ZHANG, 1)
    assert ask(api, key).status_code == 200
    revoke_key(store.engine, key.split("_")[1])
    revoked_at, asked_at = time.monotonic(), list[float]()

    def answer() -> int:
        asked_at.append(time.monotonic())
        return ask(api, key).status_code

    assert wait_for(answer, 401)
    assert all(at - revoked_at < key_check.FRESH_S for at in asked_at[:-1])  # which were answered, however long that took
    with pytest.raises(NotFound):
        revoke_key(store.engine, "zhang")


def test_a_key_that_is_in_use_is_not_looked_up_for_every_request(api: Api, store: Store) -> None:
    key = create_key(store.engine, ZHANG, 1)
    ask(api, key)
    with statements(of_keys=True) as seen:
        assert ask(api, create_key(store.engine, LI, 1)).status_code == 200
    assert any("ops.api_key" in statement for statement in seen)  # of one that is new
    with statements(of_keys=True) as seen:
        began = time.monotonic()
        for _ in range(20):
            assert ask(api, key).status_code == 200
        seconds = time.monotonic() - began
    looked_up = [statement for statement in seen if "ops.api_key" in statement]
    assert len(looked_up) <= seconds + 1
    assert not any(statement.startswith("UPDATE") for statement in looked_up)


def test_its_last_use_is_noted_once_a_minute(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    key = create_key(store.engine, ZHANG, 1)
    assert list_keys(store.engine)[0].last_used_at is None
    ask(api, key)
    (listed,) = list_keys(store.engine)
    assert listed.last_used_at is not None
    assert abs(listed.last_used_at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    monkeypatch.setattr(key_check, "FRESH_S", 0.0)  # so that its row is read again
    with statements(of_keys=True) as seen:
        ask(api, key)
    assert [statement.split()[0] for statement in seen if "ops.api_key" in statement] == ["SELECT"]
    assert list_keys(store.engine)[0].last_used_at == listed.last_used_at


def test_an_expired_key_ends_while_its_row_is_believed(store: Store) -> None:
    key, now = create_key(store.engine, ZHANG, 1), dt.datetime.now(dt.UTC)
    days = iter((0, 0, 2))
    check = KeyCheck(store.engine.connect, store.engine, lambda: 0.0, lambda: now + dt.timedelta(days=next(days)))
    assert check.check(key, None).name == "zhang"
    assert check.known(key, None) is not None
    assert check.known(key, None) is None


def test_an_expired_key_is_refused(api: Api, store: Store) -> None:
    key = create_key(store.engine, ZHANG, 1)
    assert ask(api, key).status_code == 200
    store.run("UPDATE ops.api_key SET expires_at = now() - interval '1 s'")
    assert wait_for(lambda: ask(api, key).status_code, 401)


def test_a_rotated_key_goes_on_for_its_overlap_and_never_longer_than_it_would_have(store: Store) -> None:
    create_key(store.engine, Caller("li", "engineer", "labour"), 1, networks=["10.1.0.0/16", "10.2.3.4"])
    before = list_keys(store.engine)[0]
    rotate_key(store.engine, "li", 90, overlap=dt.timedelta(days=30))
    second, first = list_keys(store.engine)
    assert first.expires_at == before.expires_at
    assert (second.role, second.department, second.networks) == ("engineer", "labour", ["10.1.0.0/16", "10.2.3.4/32"])
    rotate_key(store.engine, "li", 90, overlap=dt.timedelta(hours=1))
    third, second, first = list_keys(store.engine)
    assert third.expires_at - second.expires_at > dt.timedelta(days=89)
    assert len({third.key_id, second.key_id, first.key_id}) == 3
    revoke_key(store.engine, "li")
    with pytest.raises(NotFound):
        rotate_key(store.engine, "li", 90, overlap=dt.timedelta(0))


def test_a_role_that_is_known_no_more_is_refused_with_what_to_do(api: Api, store: Store) -> None:
    key = create_key(store.engine, ZHANG, 1)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE ops.api_key SET role = 'archivist'"))
    answer = ask(api, key)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:casehub:problem:access-denied")
    assert "casehub policy show" in answer.json()["remedy"]


def test_guessing_is_answered_429_and_holds_up_nobody_who_is_known(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with api_with(database, failures_per_minute=5) as api:
        good, fresh = create_key(database, ZHANG, 1), create_key(database, LI, 1)
        assert ask(api, good).status_code == 200
        guesses = [ask(api, f"casehub_{number:012}_{'x' * 43}") for number in range(7)]
        assert [answer.status_code for answer in guesses] == [401] * 5 + [429] * 2
        assert guesses[-1].json()["type"] == "urn:casehub:problem:too-many-requests"
        assert 1 <= int(guesses[-1].headers["retry-after"]) <= 12
        with statements(of_keys=True) as seen:
            assert ask(api, fresh).status_code == 429  # an answer would tell a right guess from a wrong one
        assert not any("ops.api_key" in statement for statement in seen)
        monkeypatch.setattr(key_check, "FRESH_S", 0.0)  # so that its row is read again
        assert ask(api, good).status_code == 200
        assert api.get("/v1/sources").status_code == 401  # nothing was sent, so nothing was guessed


def test_an_expired_key_is_no_guess(database: Engine) -> None:
    with api_with(database, failures_per_minute=2) as api:
        late = create_key(database, ZHANG, -1)
        assert {ask(api, late).status_code for _ in range(4)} == {401}
        assert ask(api, create_key(database, LI, 1)).status_code == 200


def test_only_a_trusted_proxy_says_where_a_call_comes_from(database: Engine) -> None:
    key = create_key(database, ZHANG, 1, networks=["10.20.0.0/16", "2001:db8::/32"])
    said = {"X-Forwarded-For": "10.20.1.1", "X-Real-IP": "10.20.1.1", "Forwarded": "for=10.20.1.1"}
    with api_with(database) as api:
        assert ask(api, key, **said).status_code == 401
    with api_with(database, trusted_proxies="10.9.9.9") as api:
        assert ask(api, key, **said).status_code == 401
    with api_with(database, trusted_proxies="127.0.0.0/8, 10.9.9.9") as api:
        assert ask(api, key).status_code == 401
        assert ask(api, key, **said).status_code == 200
        for chain, status in (
            ("10.20.1.1, 8.8.8.8", 401),  # the client wrote the first itself
            ("8.8.8.8, 10.20.1.1, 10.9.9.9", 200),
            ("2001:db8::7", 200),
            ("::ffff:10.20.1.1", 200),
            ("10.20.1.1:4711", 200),
            ("unknown", 401),
            ("10.20.1.1\t, x", 401),
        ):
            assert ask(api, key, **{"X-Forwarded-For": chain}).status_code == status, chain


def test_guesses_through_a_proxy_are_counted_by_who_made_them(database: Engine) -> None:
    with api_with(database, failures_per_minute=2, trusted_proxies="127.0.0.1") as api:
        for host, status in (("8.8.8.8", 401), ("8.8.8.8", 401), ("8.8.8.8", 429), ("9.9.9.9", 401)):
            assert ask(api, "x", **{"X-Forwarded-For": host}).status_code == status, host
        for host in ("2001:db8:1:2::1", "2001:db8:1:2::2"):
            assert ask(api, "x", **{"X-Forwarded-For": host}).status_code == 401
        assert ask(api, "x", **{"X-Forwarded-For": "2001:db8:1:2:ffff::3"}).status_code == 429  # one line has a /64
        assert ask(api, "x", **{"X-Forwarded-For": "2001:db8:1:3::1"}).status_code == 401


def test_without_the_store_it_is_503(fragile_api: Api) -> None:
    fragile_api.store.run("ALTER TABLE ops.api_key RENAME TO elsewhere")
    assert ask(fragile_api, "x").status_code in (500, 503)
