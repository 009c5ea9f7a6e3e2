"""A little OpenID Connect issuer: an HTTP server on loopback with keys made when it starts."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

GENERATED = {
    "RS256": lambda kid: RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}),
    "PS256": lambda kid: RSAKey.generate_key(2048, {"kid": kid, "alg": "PS256"}),
    "ES256": lambda kid: ECKey.generate_key("P-256", {"kid": kid}),
    "Ed25519": lambda kid: OKPKey.generate_key("Ed25519", {"kid": kid}),
}


def written(document: Any) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def signed(header: dict[str, Any], claims: Any, key: Any) -> str:
    """A token as anybody can make one who checks nothing."""
    content = f"{written(header)}.{written(claims)}"
    signature = jws.JWSRegistry.algorithms[header["alg"]].sign(content.encode(), key)
    return f"{content}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


class LittleIssuer:
    """Its address, its keys and what it was asked."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/realms/gm"
        self.keys: dict[str, Any] = {"rsa-1": GENERATED["RS256"]("rsa-1")}
        self.more: list[dict[str, Any]] = []  # published beside the keys
        self.described: dict[str, Any] = {"issuer": self.url, "jwks_uri": self.url + "/certs"}
        self.is_down = False
        self.asked: list[str] = []

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(path)
        if self.is_down:
            return 503, {}
        if path == "/realms/gm/.well-known/openid-configuration":
            return 200, self.described
        if path == "/realms/gm/certs":
            return 200, {"keys": [*self.more, *(key.as_dict(private=False) for key in self.keys.values())]}
        return 404, {}

    def rotate(self, kid: str, algorithm: str = "RS256") -> None:
        """Take another key, and publish the one before no more."""
        self.keys = {kid: GENERATED[algorithm](kid)}

    def claims(self, **other: Any) -> dict[str, Any]:
        """A clerk's of labour, good for five minutes; None takes a claim out."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": "casehub", "sub": "u-1", "iat": now, "exp": now + 300, "role": "clerk", "department": "labour"}
        return {name: value for name, value in {**claims, **other}.items() if value is not None}

    def token(self, *, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A token signed with its newest key, or with another."""
        kid, own = list(self.keys.items())[-1]
        head = {"alg": "RS256", "typ": "JWT", "kid": kid, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return signed(head, self.claims(**claims), key or own)


@contextlib.contextmanager
def little_issuer() -> Iterator[LittleIssuer]:
    """One that runs for as long as this lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, document = issuer.answer(self.path)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = LittleIssuer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
