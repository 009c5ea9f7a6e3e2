"""Deliveries to a real receiver: signed, once more where they failed, given up in the end, and never to the inside."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from api.audit.sealing import seal
from api.audit.subject import find_subject, looks
from api.authentication.keys import revoke_key
from api.routes import watches as routes
from api.state import Hub
from api.watches import deliver as delivering
from api.watches import target
from api.watches.deliver import Patience, deliver
from api.watches.evaluate import evaluate
from api.watches.resolver import Resolver
from api.watches.store import _lock
from connectors.transports.inbox import verify_signature
from hub.errors import TooBusy
from tests.integration.api.builders import DIRECTORY, Api, Store, running_api_of
from tests.integration.api.changing import NOISE, WAGES, WANG, case_of, record, settle
from tests.integration.api.receiving import Receiver, receiver, worker
from tests.integration.api.waiting import wait_for
from tests.integration.pipeline.resolving import parties

QUICK = Patience(attempts=3, first_s=0.0)


@pytest.fixture
def hub(api: Api, store: Store) -> Iterator[Hub]:
    with worker(store.engine) as found:
        yield found


@pytest.fixture(scope="module")
def standing_loopback(standing: Api) -> Iterator[Api]:
    """A server on the same store that takes webhooks of this machine, for all tests of this file."""
    with running_api_of(standing.store.engine, DIRECTORY, webhook_loopback=True) as running:
        yield running


@pytest.fixture
def loopback_api(api: Api, standing_loopback: Api) -> Iterator[Api]:
    """The same, on an empty store."""
    yield standing_loopback
    standing_loopback.close_others()


@pytest.fixture
def taking() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def order(client: Api, url: str, **query: str) -> dict[str, Any]:
    body = {"watched": "query", "query": query or {"category": "wages"}, "webhook": {"url": url}}
    answer = client.post("/v1/watches", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def happen(store: Store, hub: Hub, *numbers: str) -> list[str]:
    """New cases, one a number."""
    for number in numbers:
        settle(store.engine, record("police", number, **{**NOISE, "category": "wages", "text": f"{NOISE['text']}{number * 9}"}))
    evaluate(hub)
    return [case_of(store.engine, "police", number) for number in numbers]


def states(client: Api, watch_id: str) -> list[tuple[str, int, str | None, int | None]]:
    found = client.get(f"/v1/watches/{watch_id}/deliveries").json()["items"]
    return [(each["state"], each["attempts"], each.get("outcome"), each.get("status")) for each in found]


def test_a_delivery_is_signed_as_the_inbox_wants_it_and_tells_no_value(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    clerk = loopback_api.as_("clerk", "labour")
    made = order(clerk, taking.url)
    settle(store.engine, record("police", "1", WANG, **WAGES))
    evaluate(hub)
    case = case_of(store.engine, "police", "1")
    assert deliver(hub) == 1
    (body,), (headers,) = taking.bodies, taking.headers
    assert verify_signature(made["secret"], body, headers["x-signature-256"], timestamp=headers["x-timestamp"])
    assert not verify_signature(made["secret"], body + b" ", headers["x-signature-256"], timestamp=headers["x-timestamp"])
    assert abs(int(headers["x-timestamp"]) - time.time()) < 60
    event = json.loads(body)
    assert set(event) == {"id", "watch_id", "relation", "entity_id", "kind", "into", "at"}
    assert [event["watch_id"], event["relation"], event["entity_id"], event["kind"]] == [made["watch_id"], "case", case, "created"]
    assert headers["x-delivery-id"] == event["id"]
    assert "王" not in body.decode() and WANG["phone"] not in body.decode()
    assert states(clerk, made["watch_id"]) == [("delivered", 1, "delivered", 200)]
    assert deliver(hub) == 0


def test_the_secret_is_shown_once(loopback_api: Api, store: Store, taking: Receiver) -> None:
    clerk = loopback_api.as_("clerk", "labour")
    made = order(clerk, taking.url)
    later = clerk.get(f"/v1/watches/{made['watch_id']}")
    assert later.json()["webhook_url"] == taking.url
    kept = str(store.rows("SELECT t::text AS row FROM ops.watch t")) + str(store.rows("SELECT t::text AS row FROM audit.access t"))
    for text in (later.text, clerk.get("/v1/watches").text, kept):
        assert made["secret"] not in text
    assert taking.url not in kept and taking.url.encode().hex() not in kept


def test_what_fails_is_tried_again_in_order_and_then_given_up(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    clerk = loopback_api.as_("clerk", "labour")
    watch_id = order(clerk, taking.url)["watch_id"]
    first, second = happen(store, hub, "1", "2")
    taking.status = 500
    for _ in range(2):
        assert deliver(hub, QUICK) == 0
    assert [each["entity_id"] for each in taking.events] == [first, first]
    taking.status = 204
    assert deliver(hub, QUICK) == 2
    assert [each["entity_id"] for each in taking.events] == [first, first, first, second]
    assert len({each["id"] for each in taking.events}) == 2  # who gets it again knows it by its id
    taking.status = 503
    happen(store, hub, "3")
    for _ in range(5):
        deliver(hub, QUICK)
    assert len(taking.bodies) == 7
    assert states(clerk, watch_id)[0] == ("dead", 3, "status", 503)
    dead = clerk.get(f"/v1/watches/{watch_id}/deliveries?state=dead").json()["items"]
    assert [each["status"] for each in dead] == [503]
    taking.status = 200
    assert deliver(hub, QUICK) == 0
    assert clerk.post(f"/v1/watches/{watch_id}/redeliver").json() == {"redelivered": 1}
    assert deliver(hub, QUICK) == 1
    assert taking.events[-1]["id"] == dead[0]["delivery_id"]
    assert clerk.get(f"/v1/watches/{watch_id}/deliveries?state=dead").json()["items"] == []


def test_the_next_attempt_waits_longer_each_time(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    clerk = loopback_api.as_("clerk", "labour")
    order(clerk, taking.url)
    happen(store, hub, "1")
    taking.status = 500
    waits = []
    for _ in range(3):
        deliver(hub, Patience(attempts=9, first_s=10, most_s=30))
        (row,) = store.rows("SELECT extract(epoch FROM next_attempt_at - now()) AS s FROM ops.watch_delivery")
        waits.append(round(float(row["s"])))
        assert deliver(hub) == 0
        store.run("UPDATE ops.watch_delivery SET next_attempt_at = now()")
    assert [9 <= waits[0] <= 10, 19 <= waits[1] <= 20, 29 <= waits[2] <= 30] == [True, True, True]
    assert len(taking.bodies) == 3


@pytest.fixture
def slow(taking: Receiver, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """A receiver that answers 200 after nine seconds, as the deliveries' clock goes."""
    passed = [0.0]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        passed[0] += 9
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    monkeypatch.setattr(delivering, "_now", lambda: passed[0])
    monkeypatch.setattr(delivering, "THREADS", 1)
    taking.answer = answer
    return taking


def test_a_slow_receiver_gets_the_rest_in_the_next_passes(loopback_api: Api, store: Store, hub: Hub, slow: Receiver) -> None:
    order(loopback_api.as_("clerk", "labour"), slow.url)
    cases = happen(store, hub, "1", "2", "3")
    assert [deliver(hub) for _ in range(4)] == [1, 1, 1, 0]
    assert [each["entity_id"] for each in slow.events] == cases  # in order, none lost, none twice
    assert store.rows("SELECT DISTINCT state, attempts FROM ops.watch_delivery") == [{"state": "delivered", "attempts": 1}]


def test_many_slow_receivers_of_one_caller_come_after_everybody_elses_first(
    loopback_api: Api, store: Store, hub: Hub, slow: Receiver
) -> None:
    clerk, other = loopback_api.as_("clerk", "labour"), loopback_api.as_("clerk", "court")
    for _ in range(5):
        order(clerk, slow.url)
    with receiver() as quick:
        order(other, quick.url)
        happen(store, hub, "1", "2")
        theirs = "watch_id IN (SELECT watch_id FROM ops.watch WHERE department = 'labour')"
        store.run(f"UPDATE ops.watch_delivery SET next_attempt_at = now() - interval '1 hour' WHERE {theirs}")
        deliver(hub)
        assert len(quick.bodies) == 2
        assert len(slow.bodies) == 3  # no more is begun after twenty seconds
        while deliver(hub):
            pass
        assert len({each["id"] for each in slow.events}) == len(slow.events) == 10


def test_a_worker_that_dies_in_the_middle_loses_nothing(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    order(loopback_api.as_("clerk", "labour"), taking.url)
    happen(store, hub, "1")

    def die(_: BaseHTTPRequestHandler) -> None:
        raise ConnectionResetError

    taking.answer = die
    deliver(hub, QUICK)
    store.run(
        "UPDATE ops.watch_delivery SET attempts = 1, outcome = NULL, next_attempt_at = now() + interval '60 s'"
    )  # only the lease is left
    taking.answer = None
    assert deliver(hub) == 0
    store.run("UPDATE ops.watch_delivery SET next_attempt_at = now()")
    assert deliver(hub) == 1


def test_a_caller_who_was_revoked_is_sent_nothing(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    order(loopback_api.as_("clerk", "labour"), taking.url)
    happen(store, hub, "1")
    revoke_key(store.engine, store.rows("SELECT owner FROM ops.watch")[0]["owner"])
    assert deliver(hub, QUICK) == 0
    assert taking.bodies == []
    assert store.rows("SELECT state, attempts FROM ops.watch_delivery") == [{"state": "waiting", "attempts": 0}]


def test_what_was_sealed_before_it_was_sent_is_not_sent(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    order(loopback_api.as_("clerk", "labour"), taking.url)
    happen(store, hub, "1")
    settle(store.engine, record("police", "1", visibility="sealed", **{**NOISE, "category": "wages"}))
    assert deliver(hub) == 0
    assert taking.bodies == []
    evaluate(hub)
    assert deliver(hub) == 1
    assert [each["kind"] for each in taking.events] == ["deleted"]


def test_no_redirect_is_followed(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    clerk = loopback_api.as_("clerk", "labour")
    with receiver() as inside:

        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(307)
            handler.send_header("Location", inside.url)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        taking.answer = redirect
        watch_id = order(clerk, taking.url)["watch_id"]
        happen(store, hub, "1")
        deliver(hub, QUICK)
        assert (len(taking.bodies), inside.bodies) == (1, [])
    assert states(clerk, watch_id) == [("waiting", 1, "status", 307)]


def test_an_answer_without_end_is_not_listened_to(
    loopback_api: Api, store: Store, hub: Hub, taking: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(2_000):
            handler.wfile.write(b"x" * 65536)

    taking.answer = endless
    order(loopback_api.as_("clerk", "labour"), taking.url)
    happen(store, hub, "1")
    began = time.monotonic()
    assert deliver(hub) == 1
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("part", ["status line", "header", "body"])
def test_a_receiver_that_drips_is_given_up(
    loopback_api: Api, store: Store, hub: Hub, taking: Receiver, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(target, "TIMEOUT_S", 0.3)
    before = {"status line": b"", "header": b"HTTP/1.1 200 OK\r\nX-Slow: ", "body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"}[
        part
    ]

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(before)
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    taking.answer = drip
    clerk = loopback_api.as_("clerk", "labour")
    watch_id = order(clerk, taking.url)["watch_id"]
    happen(store, hub, "1")
    began = time.monotonic()
    assert deliver(hub, QUICK) == 0
    assert time.monotonic() - began < 4
    assert states(clerk, watch_id)[0][2] == "timeout"


INSIDE = [
    "http://127.0.0.1:8080/",
    "https://127.0.0.1/",
    "https://localhost/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://10.0.0.1/",
    "https://192.168.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fd00:ec2::254]/",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://8.8.8.8:22/",
    "https://user:pass@8.8.8.8/",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("url", INSIDE)
def test_the_inside_cannot_be_named(api: Api, url: str) -> None:
    answer = api.as_("clerk", "labour").post("/v1/watches", json={"watched": "query", "query": {"q": "x"}, "webhook": {"url": url}})
    assert answer.status_code == 422
    assert url not in answer.text


def test_a_name_that_turns_inwards_later_is_not_connected_to(
    api: Api, store: Store, taking: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name led outside when the watch was made, and leads to this machine when something is sent."""
    real = socket.getaddrinfo
    leads_to = ["8.8.8.8"]

    def getaddrinfo(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if host == "hooks.example.com":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (leads_to[0], port))]
        return real(host, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(target, "CONNECT_S", 0.3)
    clerk = api.as_("clerk", "labour")
    watch_id = order(clerk, "https://hooks.example.com/")["watch_id"]
    with worker(store.engine, webhook_loopback=False, webhook_ports=f"443,{taking.port}") as hub:
        happen(store, hub, "1")
        leads_to[0] = "127.0.0.1"
        assert deliver(hub, QUICK) == 0
    assert taking.bodies == []
    assert states(clerk, watch_id)[0][2] == "address"


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Look-ups of `slow.example`, whose name server says nothing while the test lasts."""
    real, is_over, asked = socket.getaddrinfo, threading.Event(), list[str]()

    def getaddrinfo(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if not str(host).endswith("slow.example"):
            return real(host, port, *args, **more)
        asked.append(host)
        is_over.wait(60)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield asked
    is_over.set()


SLOW = {"watched": "query", "query": {"q": "x"}, "webhook": {"url": "https://slow.example/hook"}}


def test_a_silent_name_server_holds_up_nobody_else(api: Api, silent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (target, routes):
        monkeypatch.setattr(module, "RESOLVE_S", 1.0)
    clerk, other = api.as_("clerk", "labour"), api.as_("clerk", "court")

    def post(_: int) -> httpx.Response:
        return httpx.post(f"{api.base_url}/v1/watches", headers=clerk.headers, json=SLOW, timeout=30, trust_env=False)

    with ThreadPoolExecutor(60) as pool:
        posted = [pool.submit(post, number) for number in range(60)]
        assert wait_for(lambda: len(silent) > 0, True)
        assert other.get("/v1/cases", timeout=10).status_code == 200
        answers = [each.result() for each in posted]
    assert {answer.status_code for answer in answers} == {503}
    assert "not resolved within 1 s" in answers[0].json()["detail"]
    assert int(answers[0].headers["retry-after"]) > 0
    assert len(silent) <= 2


def test_whoever_has_all_his_watches_has_no_name_looked_up(api: Api, store: Store, silent: list[str]) -> None:
    with running_api_of(store.engine, DIRECTORY, watches_each=0) as full:
        answer = full.as_("clerk", "labour").post("/v1/watches", json=SLOW)
    assert (answer.status_code, answer.json()["type"], silent) == (409, "urn:casehub:problem:watch-limit", [])


def test_a_retry_has_no_name_looked_up(loopback_api: Api, taking: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise target.TargetRefused("address")

    clerk, body = loopback_api.as_("clerk", "labour"), {**SLOW, "webhook": {"url": taking.url}}
    made = clerk.post("/v1/watches", headers={"Idempotency-Key": "once"}, json=body)
    monkeypatch.setattr(routes, "require_addresses", refuse)
    again = clerk.post("/v1/watches", headers={"Idempotency-Key": "once"}, json=body)
    assert (again.status_code, again.json()) == (made.status_code, made.json()) == (201, again.json())
    assert clerk.post("/v1/watches", headers={"Idempotency-Key": "another"}, json=body).status_code == 422


def test_a_name_that_is_not_resolved_in_time_is_tried_again(
    loopback_api: Api, store: Store, taking: Receiver, silent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "RESOLVE_S", 0.3)
    clerk = loopback_api.as_("clerk", "labour")
    watch_id = order(clerk, taking.url)["watch_id"]
    with worker(store.engine, webhook_loopback=False) as hub:
        lead_to(store, hub, watch_id, SLOW["webhook"]["url"])
        happen(store, hub, "1")
        assert deliver(hub, QUICK) == 0
    assert states(clerk, watch_id) == [("waiting", 1, "timeout", None)]
    assert silent == ["slow.example"]


def lead_to(store: Store, hub: Hub, watch_id: str, url: str) -> None:
    """Put a watch's URL in directly: the server that takes orders would not take it."""
    sealed = _lock(hub.settings, uuid.UUID(watch_id), {"url": url, "secret": "s"})
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ops.watch SET webhook = %s WHERE watch_id = %s", (sealed, watch_id))


class Authority:
    """A certificate for a name, and the authority that vouches for it."""

    def __init__(self, folder: Path, name: str) -> None:
        key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("8.8.8.8"))]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.file = folder / "own.pem"
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))

    def wrap(self, server: Any) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        server.socket = context.wrap_socket(server.socket, server_side=True)


@pytest.mark.parametrize(
    ("is_trusted", "name", "outcome"),
    [
        pytest.param(True, "hooks.example.com", "delivered", id="trusted"),
        pytest.param(False, "hooks.example.com", "tls", id="not trusted"),
        pytest.param(True, "other.example.com", "tls", id="of another name"),
    ],
)
def test_the_certificate_is_checked_by_name_while_the_address_is_pinned(
    loopback_api: Api, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool, name: str, outcome: str
) -> None:
    authority, real, asked = Authority(tmp_path, name), socket.getaddrinfo, []

    def getaddrinfo(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if host == "hooks.example.com":
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        return real(host, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    clerk = loopback_api.as_("clerk", "labour")
    with receiver(authority.wrap) as taking, worker(store.engine, webhook_ports=str(taking.port)) as hub:
        watch_id = order(clerk, taking.url)["watch_id"]
        lead_to(store, hub, watch_id, f"https://hooks.example.com:{taking.port}/")  # a port that the server allows to nobody
        happen(store, hub, "1")
        deliver(hub, QUICK)
        assert len(taking.bodies) == (outcome == "delivered")
    assert states(clerk, watch_id)[0][2] == outcome
    assert len(asked) == 1  # looked up once: nobody can answer otherwise the second time


def test_figures_of_deliveries(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    order(loopback_api.as_("clerk", "labour"), taking.url)
    happen(store, hub, "1")
    admin = loopback_api.as_("admin")
    assert "casehub_watch_deliveries_waiting 1.0" in admin.get("/metrics").text
    taking.status = 500
    for _ in range(3):
        deliver(hub, QUICK)
    found = admin.get("/metrics").text
    assert "casehub_watch_deliveries_waiting 0.0" in found
    assert "casehub_watch_deliveries_dead 1.0" in found


def looked(store: Store) -> list[dict[str, Any]]:
    """Rows of deliveries in the audit log, in order."""
    return store.rows(
        "SELECT caller, department, receiver, request_id, shape, outcome, entity_ids::text[] AS cases, person_ids::text[] AS persons "
        "FROM audit.access WHERE action = 'watches.deliver' ORDER BY access_id"
    )


def test_every_attempt_is_in_the_audit_log(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    clerk = loopback_api.as_("clerk", "labour")
    made = order(clerk, f"{taking.url}/secret-path?token=secret-query")
    (case,) = happen(store, hub, "1")
    owner = store.rows("SELECT owner FROM ops.watch")[0]["owner"]
    taking.status = 503
    for _ in range(4):
        deliver(hub, QUICK)
    taking.status = 200
    clerk.post(f"/v1/watches/{made['watch_id']}/redeliver")
    deliver(hub, QUICK)
    found = looked(store)
    (delivery,) = {each["id"] for each in taking.events}
    assert {(row["caller"], row["department"], row["receiver"], row["request_id"]) for row in found} == {
        (owner, "labour", f"127.0.0.1:{taking.port}", delivery)
    }
    assert all((row["cases"], row["persons"]) == ([case], None) for row in found)
    tried = [("waiting", "status", 503)] * 2 + [("dead", "status", 503), ("delivered", "delivered", 200)]
    assert [row["outcome"] for row in found[::2]] == [None] * 4  # before it was posted
    assert [(row["shape"]["state"], row["shape"]["because"], row["outcome"]) for row in found[1::2]] == tried
    assert "secret" not in str(store.rows("SELECT t::text AS row FROM audit.access t WHERE action = 'watches.deliver'"))
    assert seal(store.engine)
    assert store.rows("SELECT 1 FROM audit.unsealed") == []


def test_who_looked_at_a_person_lists_webhooks(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    clerk = loopback_api.as_("clerk", "labour")
    settle(store.engine, record("police", "1", WANG, **WAGES))
    body = {"watched": "person", "id": parties(store.engine)["police/1/0"], "webhook": {"url": taking.url}}
    assert clerk.post("/v1/watches", json=body).status_code == 201
    order(clerk, taking.url)
    settle(store.engine, record("police", "1", WANG, **{**WAGES, "amount": 3}), record("court", "2", WANG, **NOISE))
    evaluate(hub)
    assert deliver(hub) >= 2
    with store.engine.connect() as connection:
        found = list(looks(connection, find_subject(connection, WANG["id_no"])))
    hows = {(look.row["action"], look.how, look.row["outcome"]) for look in found}
    assert hows >= {("watches.deliver", "named", 200), ("watches.deliver", "case", 200), ("watches.deliver", "case", None)}


def test_what_cannot_be_written_down_is_not_posted(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    order(loopback_api.as_("clerk", "labour"), taking.url)
    happen(store, hub, "1")
    store.run("ALTER TABLE audit.access ADD CONSTRAINT refused CHECK (action <> 'watches.deliver') NOT VALID")
    try:
        assert deliver(hub, QUICK) == 0
    finally:
        store.run("ALTER TABLE audit.access DROP CONSTRAINT refused")
    assert taking.bodies == []
    assert store.rows("SELECT state, attempts FROM ops.watch_delivery") == [{"state": "waiting", "attempts": 0}]
    assert deliver(hub, QUICK) == 1


def test_what_was_never_posted_leaves_a_row_only_where_it_is_given_up(loopback_api: Api, store: Store, hub: Hub, taking: Receiver) -> None:
    order(loopback_api.as_("clerk", "labour"), taking.url)
    happen(store, hub, "1")
    with worker(store.engine, webhook_loopback=False) as strict:
        for _ in range(2):
            deliver(strict, QUICK)
        assert looked(store) == []
        deliver(strict, QUICK)
    (row,) = looked(store)
    assert (row["shape"]["state"], row["shape"]["because"], row["outcome"], row["receiver"]) == ("dead", "address", 403, None)
    assert taking.bodies == []


def test_one_callers_silent_name_servers_are_nobody_elses(
    loopback_api: Api, store: Store, taking: Receiver, silent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "RESOLVE_S", 0.3)
    monkeypatch.setattr(target, "_DELIVERED", Resolver(places=16, each=2))
    one, other = loopback_api.as_("clerk", "labour"), loopback_api.as_("clerk", "court")
    watches = [order(one, taking.url)["watch_id"] for _ in range(9)]
    with worker(store.engine) as hub:
        for number, watch_id in enumerate(watches):
            lead_to(store, hub, watch_id, f"https://{number}.slow.example/hook")
        happen(store, hub, "1")
        for _ in range(2):
            deliver(hub, QUICK)
        attempts = [row["attempts"] for row in store.rows("SELECT attempts FROM ops.watch_delivery ORDER BY attempts")]
        assert attempts == [0] * 7 + [1] * 2  # what had no place to look its name up in counts as no attempt
        watch_id = order(other, taking.url)["watch_id"]
        happen(store, hub, "2")
        assert deliver(hub, QUICK) == 1
    assert states(other, watch_id) == [("delivered", 1, "delivered", 200)]
    told = [(row["shape"]["because"], row["outcome"]) for row in looked(store) if row["outcome"] is not None]
    assert set(told) == {("timeout", 504), ("busy", 503), ("delivered", 200)}


def test_what_breaks_one_watch_before_it_is_posted_counts_nothing_and_breaks_no_other(
    loopback_api: Api, store: Store, hub: Hub, taking: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = loopback_api.as_("clerk", "labour"), loopback_api.as_("clerk", "court")
    broken, whole = order(one, taking.url)["watch_id"], order(other, taking.url)["watch_id"]
    happen(store, hub, "1")
    real = delivering.standing

    def standing(hub: Hub, owner: Any) -> Any:
        if owner.department == "labour":
            raise TooBusy("王小明")
        return real(hub, owner)

    with monkeypatch.context() as patched:
        patched.setattr(delivering, "standing", standing)
        for _ in range(4):
            deliver(hub, QUICK)
    assert states(one, broken) == [("waiting", 0, None, None)]
    assert states(other, whole) == [("delivered", 1, "delivered", 200)]
    assert "TooBusy" in caplog.text and "王小明" not in caplog.text
    assert deliver(hub, QUICK) == 1
