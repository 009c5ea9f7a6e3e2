"""PROTOCOL: bytes of which no request can be made are answered as everything else is, by a problem document."""

from __future__ import annotations

import logging
import uuid

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.middleware import HEADERS
from api.problems import MEDIA_TYPE, PROBLEMS, problem_response

_log = logging.getLogger("api.access")
_REMEDY = (
    "网址中的中文和空格须百分号编码，如 curl -G --data-urlencode 'q=…'，或改用 POST /v1/cases/search · "
    "percent-encode whatever is not ASCII in a URL, as curl -G --data-urlencode 'q=…' does, or use POST /v1/cases/search"
)


class Protocol(HttpToolsProtocol):
    """The server's own, but for what it says of such bytes."""

    def send_400_response(self, msg: str) -> None:
        """Answer, and close the connection."""
        problem, request_id = PROBLEMS["not-http"], uuid.uuid4().hex
        body = bytes(problem_response(problem, problem.title, remedy=_REMEDY, request_id=request_id).body)
        own = {"Content-Type": MEDIA_TYPE, "Content-Length": len(body), "Connection": "close", "X-Request-Id": request_id}
        lines = ("HTTP/1.1 400 Bad Request", *(f"{name}: {value}" for name, value in (HEADERS | own).items()), "", "")
        _log.info("not HTTP 400 %s", request_id)
        self.transport.write("\r\n".join(lines).encode() + body)
        self.transport.close()
