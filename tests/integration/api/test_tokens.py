"""Bearer tokens of an OpenID Connect issuer: which are taken, as whom, and every forgery that is not."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from joserfc import jwe
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import Engine

from api.app import create_app
from api.authentication.tokens import LEEWAY_S
from api.export import running
from hub.errors import SettingsError
from hub.settings import Settings
from tests.integration.api.builders import DIRECTORY, Api, Store, running_api_of
from tests.integration.api.issuer import GENERATED, LittleIssuer, little_issuer, written

DENIED = "urn:casehub:problem:access-denied"
NOT_AUTHENTICATED = "urn:casehub:problem:not-authenticated"


@pytest.fixture(scope="module")
def issuer() -> Iterator[LittleIssuer]:
    with little_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def believing(standing: Api, issuer: LittleIssuer) -> Iterator[Api]:
    with running_api_of(standing.store.engine, DIRECTORY, oidc_issuer=issuer.url) as running:
        yield running


def ask(api: Api, token: str, path: str = "/v1/sources") -> Any:
    return api.get(path, headers={"Authorization": f"Bearer {token}"})


def swapped(token: str, place: int, document: Any) -> str:
    """The same token with another header or payload."""
    parts = token.split(".")
    parts[place] = written(document)
    return ".".join(parts)


def test_a_clerk_is_recognised_and_written_down(believing: Api, issuer: LittleIssuer, api: Api, store: Store) -> None:
    token = issuer.token(sub="f3c1")
    assert ask(believing, token).status_code == 200
    assert ask(believing, token, "/v1/quarantine").status_code == 403
    rows = store.rows("SELECT caller, department FROM audit.access ORDER BY access_id")
    name = f"f3c1@{issuer.url.removeprefix('http://')}"
    assert rows == [{"caller": name, "department": "labour"}] * 2


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "Ed25519", "EdDSA"])
def test_every_algorithm_that_is_promised(standing: Api, algorithm: str) -> None:
    with little_issuer() as issuer, running_api_of(standing.store.engine, DIRECTORY, oidc_issuer=issuer.url) as api:
        issuer.rotate("k", "Ed25519" if algorithm == "EdDSA" else algorithm)
        assert ask(api, issuer.token(header={"alg": algorithm})).status_code == 200


class PublicKeyAsSecret:
    """What a library that lets the header choose would take for an HMAC secret."""

    def __init__(self, key: RSAKey) -> None:
        self.secret = key.as_pem(private=False)

    def get_op_key(self, _: str) -> bytes:
        return self.secret


ATTACKER = RSAKey.generate_key(2048, {"kid": "rsa-1"})
Forge = Callable[[LittleIssuer], str]
FORGED: dict[str, Forge] = {
    "alg none": lambda i: f"{written({'alg': 'none', 'typ': 'JWT', 'kid': 'rsa-1'})}.{written(i.claims())}.",
    "alg None, capitals": lambda i: f"{written({'alg': 'NoNe', 'typ': 'JWT', 'kid': 'rsa-1'})}.{written(i.claims())}.",
    "no signature": lambda i: i.token().rpartition(".")[0] + ".",
    "HS256 with the public key": lambda i: i.token(header={"alg": "HS256"}, key=PublicKeyAsSecret(i.keys["rsa-1"])),
    "HS256 with nothing": lambda i: i.token(header={"alg": "HS256"}, key=OctKey.import_key("x" * 32)),
    "RS512, which is not promised": lambda i: i.token(header={"alg": "RS512"}),
    "an RSA signature called ES256": lambda i: swapped(i.token(), 0, {"alg": "ES256", "typ": "JWT", "kid": "rsa-1"}),
    "a stranger's key under a known id": lambda i: i.token(key=ATTACKER),
    "unknown key id": lambda i: i.token(header={"kid": "made-up"}, key=ATTACKER),
    "a key id that is no text": lambda i: swapped(i.token(), 0, {"alg": "RS256", "kid": ["rsa-1"]}),
    "key in the header": lambda i: i.token(header={"jwk": ATTACKER.as_dict(private=False), "kid": "x"}, key=ATTACKER),
    "key by address": lambda i: i.token(header={"jku": f"{i.url}/attackers-keys", "kid": "x"}, key=ATTACKER),
    "certificate by address": lambda i: i.token(header={"x5u": f"{i.url}/attackers-keys", "kid": "x"}, key=ATTACKER),
    "tampered payload": lambda i: swapped(i.token(), 1, i.claims(role="admin")),
    "tampered header": lambda i: swapped(i.token(), 0, {"alg": "RS256", "typ": "JWT", "kid": "rsa-1", "x": 1}),
    "critical extension": lambda i: i.token(header={"crit": ["exp"], "exp": 1}),
    "unencoded payload": lambda i: swapped(i.token(), 0, {"alg": "RS256", "kid": "rsa-1", "b64": False, "crit": ["b64"]}),
    "nested token": lambda i: i.token(header={"cty": "JWT"}),
    "encrypted token": lambda i: jwe.encrypt_compact(
        {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "rsa-1"}, i.token(), ATTACKER, algorithms=["RSA-OAEP", "A256GCM"]
    ),
    "proof of possession": lambda i: i.token(header={"typ": "dpop+jwt"}),
    "logout token": lambda i: i.token(header={"typ": "logout+jwt"}),
    "other issuer": lambda i: i.token(iss="https://elsewhere.example/realms/gm"),
    "issuer with a slash more": lambda i: i.token(iss=i.url + "/"),
    "no issuer": lambda i: i.token(iss=None),
    "issuer that is no text": lambda i: i.token(iss={"a": 1}),
    "header that is a list": lambda i: swapped(i.token(), 0, ["alg"]),
    "header that is a number": lambda i: swapped(i.token(), 0, 7),
    "algorithm that is a list": lambda i: swapped(i.token(), 0, {"alg": ["RS256"], "kid": "rsa-1"}),
    "payload that is a list": lambda i: swapped(i.token(), 1, [1]),
    "payload that is nested deep": lambda i: ".".join((written({"alg": "RS256"}), base64.urlsafe_b64encode(b"[" * 5000).decode(), "AAAA")),
    "header that is nested deep": lambda i: ".".join((base64.urlsafe_b64encode(b"[" * 2400).decode(), written({}), "AAAA")),
    "numbers beyond reason": lambda i: swapped(i.token(), 1, {"iss": i.url, "exp": 10**400}),
    "bytes that are no text": lambda i: "é.ÿ.þ",
    "three dots of nothing": lambda i: "..",
    "oversized": lambda i: i.token(groups=["g" * 100] * 100),
}
AUTHENTIC_YET_REFUSED: dict[str, Forge] = {
    "wrong audience": lambda i: i.token(aud="another-system"),
    "audience among others only": lambda i: i.token(aud=["a", "casehub-admin"]),
    "no audience": lambda i: i.token(aud=None),
    "expired": lambda i: i.token(iat=int(time.time()) - 600, exp=int(time.time()) - 60),
    "no end": lambda i: i.token(exp=None),
    "end that is no number": lambda i: i.token(exp="tomorrow"),
    "end in infinity": lambda i: i.token(exp=float("inf")),
    "end beyond reason": lambda i: i.token(exp=10**400),
    "true for a time": lambda i: i.token(exp=True),
    "no beginning": lambda i: i.token(iat=None),
    "made in the future": lambda i: i.token(iat=int(time.time()) + 120),
    "not good yet": lambda i: i.token(nbf=int(time.time()) + 120),
    "good for a week": lambda i: i.token(exp=int(time.time()) + 7 * 86400),
    "ID token": lambda i: i.token(at_hash="x"),
    "ID token of Keycloak": lambda i: i.token(typ="ID"),
    "refresh token": lambda i: i.token(typ="Refresh"),
    "bound to a sender's key": lambda i: i.token(cnf={"jkt": "x"}),
    "no name": lambda i: i.token(sub=None),
    "name with a line in it": lambda i: i.token(sub="u\n1"),
    "name without end": lambda i: i.token(sub="u" * 300),
}


@pytest.mark.parametrize("forge", [pytest.param(forge, id=name) for name, forge in {**FORGED, **AUTHENTIC_YET_REFUSED}.items()])
def test_what_is_not_taken(believing: Api, issuer: LittleIssuer, forge: Forge, caplog: pytest.LogCaptureFixture) -> None:
    token = forge(issuer)
    with caplog.at_level(logging.DEBUG):
        answer = believing.get("/v1/sources", headers={"Authorization": b"Bearer " + token.encode("utf-8")})
    told = answer.json()
    assert (answer.status_code, told.pop("type")) == (401, NOT_AUTHENTICATED), answer.text
    assert "需要有效的密钥或令牌" in told["detail"]
    assert "refused, request" in caplog.text
    assert not any(piece in caplog.text for piece in token.split(".") if len(piece) > 8)
    assert "/realms/gm/attackers-keys" not in issuer.asked
    (row,) = believing.store.rows("SELECT caller, outcome FROM audit.access ORDER BY access_id DESC LIMIT 1")
    is_somebodys = forge in AUTHENTIC_YET_REFUSED.values() and "name" not in next(n for n, f in AUTHENTIC_YET_REFUSED.items() if f is forge)
    assert row["outcome"] == 401
    assert row["caller"] == (f"{issuer.claims()['sub']}@{issuer.url.removeprefix('http://')}" if is_somebodys else "anonymous")


def test_the_same_token_unforged_is_taken(believing: Api, issuer: LittleIssuer) -> None:
    """So that the forgeries above are refused for what is wrong with them, not for what they share."""
    attempts = {
        "plain": issuer.token(),
        "access token by its name": issuer.token(header={"typ": "at+jwt"}),
        "access token of Keycloak": issuer.token(typ="Bearer", azp="console", scope="openid"),
        "type left out": issuer.token(header={"typ": None}),
        "key id left out": issuer.token(header={"kid": None}),
        "audience among others": issuer.token(aud=["account", "casehub"]),
        "address of keys that nobody follows": issuer.token(header={"jku": f"{issuer.url}/attackers-keys"}),
        "clock a little ahead": issuer.token(iat=int(time.time()) + 20, nbf=int(time.time()) + 20),
        "clock a little behind": issuer.token(iat=int(time.time()) - 300, exp=int(time.time()) - 20),
    }
    assert {name: ask(believing, token).status_code for name, token in attempts.items()} == dict.fromkeys(attempts, 200)
    assert "/realms/gm/attackers-keys" not in issuer.asked


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        pytest.param({"role": "king"}, "role", id="unknown role"),
        pytest.param({"role": None}, "role", id="no role"),
        pytest.param({"role": ["clerk", "admin"]}, "role", id="two roles"),
        pytest.param({"role": {"clerk": True}}, "role", id="a role that is an object"),
        pytest.param({"department": "labor"}, "department", id="unknown department"),
        pytest.param({"department": "Labour"}, "department", id="another letter case"),
        pytest.param({"department": None}, "department", id="a clerk without a department"),
        pytest.param({"department": ["labour", "court"]}, "department", id="two departments"),
        pytest.param({"department": {"labour": 1}}, "department", id="a department that is an object"),
    ],
)
def test_a_role_or_department_that_is_not_known_is_refused_with_what_to_do(
    believing: Api, issuer: LittleIssuer, claims: dict[str, Any], word: str, api: Api, store: Store
) -> None:
    answer = ask(believing, issuer.token(**claims))
    (row,) = store.rows("SELECT caller, outcome FROM audit.access")
    assert row == {"caller": f"u-1@{issuer.url.removeprefix('http://')}", "outcome": 403}
    assert (answer.status_code, answer.json()["type"]) == (403, DENIED)
    assert word in answer.json()["detail"] + answer.json()["remedy"]
    assert answer.json()["detail"].count(" · ") == 1  # no language in the other's sentence
    assert 'labor"' not in answer.text


def test_an_operator_needs_no_department_and_one_role_is_found_among_others(believing: Api, issuer: LittleIssuer) -> None:
    token = issuer.token(role=["offline_access", "engineer", "uma_authorization"], department=None)
    assert ask(believing, token, "/v1/quarantine").status_code == 200


def test_claims_are_found_by_path_and_by_names_with_dots(standing: Api, issuer: LittleIssuer) -> None:
    named = {"oidc_role_claim": "resource_access.casehub.roles", "oidc_department_claim": "https://gm.example/department"}
    with running_api_of(standing.store.engine, DIRECTORY, oidc_issuer=issuer.url, oidc_name_claim="preferred_username", **named) as api:
        claims = {"resource_access": {"casehub": {"roles": ["clerk"]}}, "https://gm.example/department": "court"}
        good = issuer.token(role=None, department=None, preferred_username="li", **claims)
        assert ask(api, good).status_code == 200
        assert ask(api, issuer.token(preferred_username="li")).status_code == 403  # where others say it, these do not


def test_an_issuer_that_is_bound_speaks_for_its_own_clerks_alone(standing: Api, issuer: LittleIssuer) -> None:
    with running_api_of(standing.store.engine, DIRECTORY, oidc_issuer=f"labour={issuer.url}") as api:
        assert ask(api, issuer.token()).status_code == 200
        assert ask(api, issuer.token(department=None)).status_code == 200
        for claims in ({"department": "court"}, {"role": "admin"}, {"role": "engineer", "department": None}):
            answer = ask(api, issuer.token(**claims))
            assert (answer.status_code, answer.json()["type"]) == (403, DENIED), claims


def test_an_issuer_bound_to_a_department_that_there_is_not_stops_the_start(standing: Api, issuer: LittleIssuer) -> None:
    bound = Settings(api_port=0, oidc_issuer=f"labor={issuer.url}")
    with pytest.raises(SettingsError, match="labor"):
        create_app(bound, standing.store.engine, DIRECTORY)


def test_a_rotated_key_is_taken_without_a_restart_and_the_one_before_no_more(standing: Api) -> None:
    with little_issuer() as issuer, running_api_of(standing.store.engine, DIRECTORY, oidc_issuer=issuer.url) as api:
        first = issuer.token()
        assert ask(api, first).status_code == 200
        issuer.rotate("rsa-2")
        assert ask(api, issuer.token()).status_code == 200
        assert ask(api, issuer.token(key=GENERATED["RS256"]("rsa-1"), header={"kid": "rsa-1"}, sub="u-2")).status_code == 401


def test_made_up_key_ids_do_not_burden_the_issuer(standing: Api) -> None:
    with little_issuer() as issuer, running_api_of(standing.store.engine, DIRECTORY, oidc_issuer=issuer.url) as api:
        for number in range(40):
            assert ask(api, issuer.token(header={"kid": f"k{number}"}, key=ATTACKER)).status_code == 401
        assert len([path for path in issuer.asked if path.endswith("/certs")]) <= 3
        assert ask(api, issuer.token()).status_code == 200


def test_an_issuer_that_is_down_when_the_hub_starts(standing: Api) -> None:
    with little_issuer() as issuer:
        issuer.is_down = True
        with running_api_of(standing.store.engine, DIRECTORY, oidc_issuer=issuer.url) as api:
            answer = ask(api, issuer.token())
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:casehub:problem:issuer-unavailable")
            assert answer.headers["retry-after"]
            assert "API 密钥" in answer.json()["remedy"]
            assert api.as_("clerk", "labour").get("/v1/sources").status_code == 200  # keys do not need it
            assert api.get("/readyz").status_code == 200
            issuer.is_down = False
            assert ask(api, issuer.token()).status_code == 200


def test_an_issuer_that_goes_down_later(standing: Api) -> None:
    with little_issuer() as issuer, running_api_of(standing.store.engine, DIRECTORY, oidc_issuer=issuer.url) as api:
        assert ask(api, issuer.token()).status_code == 200
        issuer.is_down = True
        assert ask(api, issuer.token(sub="u-2")).status_code == 200  # its keys go on
        assert ask(api, issuer.token(header={"kid": "new"}, key=ATTACKER)).status_code == 503  # nobody can tell
        assert ask(api, issuer.token(sub="u-3")).status_code == 200


@pytest.mark.parametrize(
    ("described", "more"),
    [
        pytest.param({"issuer": "https://elsewhere.example"}, [], id="calls itself by another name"),
        pytest.param({"jwks_uri": "http://10.0.0.1/keys"}, [], id="keys over plain http"),
        pytest.param({"jwks_uri": "file:///etc/passwd"}, [], id="keys from a file"),
        pytest.param({"jwks_uri": 7}, [], id="no address of keys"),
    ],
)
def test_an_issuer_that_cannot_be_believed(standing: Api, described: dict[str, Any], more: list[Any]) -> None:
    with little_issuer() as issuer, running_api_of(standing.store.engine, DIRECTORY, oidc_issuer=issuer.url) as api:
        issuer.described |= described
        assert ask(api, issuer.token()).status_code == 503


def test_keys_that_are_published_beside_ours_do_no_harm(standing: Api) -> None:
    with little_issuer() as issuer, running_api_of(standing.store.engine, DIRECTORY, oidc_issuer=issuer.url) as api:
        secret = OctKey.import_key("y" * 32, {"kid": "oct"})
        with pytest.warns(UserWarning, match="2048"):
            weak = RSAKey.generate_key(1024, {"kid": "weak"})
        encrypting = RSAKey.generate_key(2048, {"kid": "enc", "use": "enc"})
        published = [secret.as_dict(), weak.as_dict(private=False), encrypting.as_dict(private=False)]
        issuer.more = [*published, {"kty": "AKP", "kid": "later"}, {"kty": "RSA", "kid": "broken", "n": 1}, {}]
        assert ask(api, issuer.token()).status_code == 200
        assert ask(api, issuer.token(header={"alg": "HS256", "kid": "oct"}, key=secret)).status_code == 401
        for key in (weak, RSAKey.import_key(encrypting.as_dict(private=True) | {"use": "sig"})):
            assert ask(api, issuer.token(header={"kid": key.kid}, key=key)).status_code == 401, key.kid


def test_forgeries_are_counted_as_guesses_and_a_genuine_token_is_not_held_up(database: Engine) -> None:
    with little_issuer() as issuer, running_api_of(database, DIRECTORY, oidc_issuer=issuer.url, failures_per_minute=4) as api:
        late = issuer.token(iat=int(time.time()) - 600, exp=int(time.time()) - 60)
        assert {ask(api, late).status_code for _ in range(6)} == {401}  # expired, and so no guess
        forged = [ask(api, issuer.token(key=ATTACKER)).status_code for _ in range(6)]
        assert forged == [401] * 4 + [429] * 2
        assert ask(api, issuer.token()).status_code == 200


def test_without_an_issuer_no_token_is_taken(api: Api, issuer: LittleIssuer) -> None:
    before = len(issuer.asked)
    assert ask(api, issuer.token()).status_code == 401
    assert len(issuer.asked) == before


def test_an_export_breaks_off_when_its_token_ends(
    believing: Api, issuer: LittleIssuer, api: Api, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in "123":
        store.case(store.record("petition", number, title="噪音"))
    monkeypatch.setattr("api.export.rows.CASES_AT_ONCE", 1)
    real, noted = running.Export._note, []

    def noting(self: running.Export, action: str, outcome: int, part: Any = None) -> None:
        real(self, action, outcome, part)
        noted.append(action)
        if len(noted) == 1:
            now = time.time()
            monkeypatch.setattr("api.authentication.tokens.time.time", lambda: now + 300 + LEEWAY_S)

    monkeypatch.setattr(running.Export, "_note", noting)
    with pytest.raises(httpx.RemoteProtocolError):
        believing.post(
            "/v1/cases/export",
            json={"format": "jsonl", "receiver": "区信访局督查科"},
            headers={"Authorization": f"Bearer {issuer.token()}"},
        )
    assert noted == ["cases.export.part", "cases.export.end"]
