"""PROTOCOL: bytes of which no request can be made are answered as everything else is, by a problem document."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.problems import MEDIA_TYPE, PROBLEMS, problem_response

_REMEDY = (
    "网址中的中文和空格须百分号编码，如 curl -G --data-urlencode 'q=…'，或改用 POST /v1/cases/search · "
    "percent-encode whatever is not ASCII in a URL, as curl -G --data-urlencode 'q=…' does, or use POST /v1/cases/search"
)


class Protocol(HttpToolsProtocol):
    """The server's own, but for what it says of such bytes."""

    def send_400_response(self, msg: str) -> None:
        """Answer, and close the connection."""
        problem = PROBLEMS["not-http"]
        body = bytes(problem_response(problem, problem.title, remedy=_REMEDY).body)
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()
