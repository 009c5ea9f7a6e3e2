"""What surrounds every request: its id, its limits, its audit row, its headers, its log line. Plain ASGI, nothing is buffered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from weakref import WeakValueDictionary

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.audit.writer import AuditWriter
from api.deprecation import headers_of
from api.inbox import MAX_BODY_BYTES as MAX_INBOX_BYTES
from api.problems import PROBLEMS, problem_response
from api.state import Trace

MAX_BODY_BYTES = 256 * 1024
BODY_S = 60.0  # for a whole body to arrive: what drips takes a place of those that there are
MAX_REQUESTS = 200  # that are answered at a time
MAX_ARRIVING = MAX_REQUESTS // 4  # bodies of one address that are waited for at a time
ROOM_S = 3.0  # for which a body waits to be one of them
AUDITED = ("/v1/", "/metrics")
UNMATCHED = "(unmatched)"
UNROUTED = "unrouted"  # the action of a call that no route took: an unknown path or method, a body that is too large
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

Observe = Callable[[str, str, int, float], None]

_log = logging.getLogger("api.access")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def route_of(scope: Scope) -> str:
    """The pattern of the route that was taken, so that nothing of a path's values is logged or counted."""
    route = scope.get("route")
    return str(getattr(route, "path", UNMATCHED))


class Envelope:
    """Gives each request its id, each answer its headers, each call one log line, and each surprise a problem document."""

    def __init__(self, app: ASGIApp, observe: Observe, hsts_seconds: int = 0) -> None:
        self._app = app
        self._observe = observe
        self._hsts_seconds = hsts_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = Trace(_request_id(scope))
        scope.setdefault("state", {})["trace"] = trace
        began = time.perf_counter()
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, trace, scope, self._hsts_seconds)
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception as error:  # the edge: whatever it is becomes an answer that shows nothing
            _log_surprise(error, trace)
            if status == 0:
                problem = PROBLEMS["unexpected"]
                detail = "请凭 request_id 询问管理员 · ask the administrator, naming the request_id"
                await problem_response(problem, detail, request_id=trace.request_id)(scope, receive, send_on)
        finally:
            if trace.leave is not None:
                trace.leave()
            seconds = time.perf_counter() - began
            self._observe(scope["method"], route_of(scope), status, seconds)
            _log.info("%s %s %d %.1f ms %s %s", scope["method"], route_of(scope), status, seconds * 1000, trace.caller, trace.request_id)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _add_headers(message: Message, trace: Trace, scope: Scope, hsts_seconds: int) -> None:
    own = {"X-Request-Id": trace.request_id, **headers_of(scope.get("route")), **(trace.quota.headers() if trace.quota else {})}
    if hsts_seconds and scope["scheme"] == "https":  # over plain http browsers ignore it
        own["Strict-Transport-Security"] = f"max-age={hsts_seconds}"
    told = dict(_encoded(own))
    kept = [each for each in message["headers"] if each[0] not in told]
    given = told.keys() | dict(kept).keys()
    message["headers"] = [*kept, *(each for each in _HEADERS if each[0] not in given), *told.items()]


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as they go out; starlette's own mapping looks all of them through for each."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


_HEADERS = _encoded(HEADERS)


def _log_surprise(error: Exception, trace: Trace) -> None:
    """Where it happened, not what it said: an error's words may hold a record's values."""
    places = "".join(traceback.format_tb(error.__traceback__))
    logging.getLogger("api").error("%s, request %s\n%s", type(error).__name__, trace.request_id, places)


class _Refused(Exception):
    """The answer was another than the route's, which is not to go on with its own."""


def _is_refused(error: Exception) -> bool:
    """Whether it is that alone, also where a group of tasks gathered what broke them."""
    return isinstance(error, _Refused) or (isinstance(error, ExceptionGroup) and error.split(_Refused)[1] is None)


class AuditGate:
    """Holds each answer of an audited path back until its row is written; without the row there is no answer."""

    def __init__(self, app: ASGIApp, writer: AuditWriter) -> None:
        self._app = app
        self._writer = writer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        has_begun = False

        async def send_on(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                if not await self._is_written(scope, message["status"]):
                    trace: Trace = scope["state"]["trace"]
                    detail = "访问记录无法写入，未作应答 · the call could not be written down, so it is not answered"
                    answer = problem_response(
                        PROBLEMS["store-unavailable"], detail, request_id=trace.request_id, headers={"Retry-After": "5"}
                    )
                    await answer(scope, receive, send)
                    raise _Refused  # whatever makes the answer ends here: it would write down that it was sent
            await send(message)

        if scope["type"] != "http" or not scope["path"].startswith(AUDITED):
            await self._app(scope, receive, send)
            return
        scope["state"]["trace"].submit = self._writer.submit
        try:
            await self._app(scope, receive, send_on)
        except Exception as error:  # the envelope answers it
            if _is_refused(error):
                return
            if not has_begun:
                await self._is_written(scope, 500)
            raise

    async def _is_written(self, scope: Scope, status: int) -> bool:
        """Whether the row was committed; an answer that gives nothing away may go without it."""
        route = scope.get("route")
        action = route.name if isinstance(route, APIRoute) else UNROUTED
        trace: Trace = scope["state"]["trace"]
        if trace.within == status:
            return True
        try:
            if trace.ahead is not None and status == 200:
                await _done(trace.ahead)
            else:
                await self._writer.write(trace, action, status)
        except Exception as error:  # whatever kept the row from being written keeps the answer back
            _log_surprise(error, trace)
            return status >= 500
        return True


async def _done(future: Future[None]) -> None:
    """Wait for what another thread does; no turn of the loop is taken where that is over."""
    await asyncio.wrap_future(future) if not future.done() else future.result()


class RequestPlaces:
    """So many requests are answered at a time, whoever's they are; what is more is told to come again. Who only connects takes no place.

    Of one address so many bodies are waited for: nobody need have said by then who he is, and by bodies that drip he would have all places.
    Whose body is to wait for others of its address takes none meanwhile.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._taken = 0
        self._arriving: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # by address, while some are

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(AUDITED):
            await self._app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        with contextlib.ExitStack() as arriving:
            has_room = not _has_body(scope) or await self._enter(address, arriving)
            if not has_room or self._taken >= MAX_REQUESTS:
                trace: Trace = scope["state"]["trace"]
                detail = "同时处理的请求已满，请稍后再试 · too many requests are being answered, try again shortly"
                answer = problem_response(PROBLEMS["overloaded"], detail, request_id=trace.request_id, headers={"Retry-After": "1"})
                await answer(scope, receive, send)
                return

            async def receive_on() -> Message:
                message = await receive()
                if not message.get("more_body", False):
                    arriving.close()
                return message

            self._taken += 1
            try:
                await self._app(scope, receive_on, send)
            finally:
                self._taken -= 1

    async def _enter(self, address: str, arriving: contextlib.ExitStack) -> bool:
        """Have a body be one of those of its address that are waited for, until `arriving` is closed; whether there was room in time."""
        room = self._arriving.get(address) or self._arriving.setdefault(address, asyncio.Semaphore(MAX_ARRIVING))
        try:
            async with asyncio.timeout(ROOM_S if room.locked() else None):  # a clock is set where there is something to wait for
                await room.acquire()
        except TimeoutError:
            return False
        arriving.callback(room.release)
        return True


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


class BodyLimit:
    """Refuses a body above its limit, declared or not, without reading on, and one that does not arrive within `BODY_S`.

    Args:
        app: what is inside.
        limits: path → most bytes, where that is not `MAX_BODY_BYTES`.
    """

    def __init__(self, app: ASGIApp, limits: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._limits = limits or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = MAX_INBOX_BYTES if scope["path"].startswith("/v1/inbox/") else self._limits.get(scope["path"], MAX_BODY_BYTES)
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared[:20]) > limit:
            trace: Trace = scope["state"]["trace"]
            await problem_response(PROBLEMS["too-large"], _too_large(limit), request_id=trace.request_id)(scope, receive, send)
            return
        received, deadline = 0, time.monotonic() + BODY_S
        is_whole = False  # then what is received tells that the caller went away, however late

        async def receive_on() -> Message:
            nonlocal received, is_whole
            try:
                async with asyncio.timeout(None if is_whole else max(deadline - time.monotonic(), 0)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, _TOO_SLOW) from None
            is_whole = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, _too_large(limit))
            return message

        await self._app(scope, receive_on, send)


_TOO_SLOW = f"请求内容未能在 {BODY_S:g} 秒内送达 · the body did not arrive within {BODY_S:g} s"


def _too_large(limit: int) -> str:
    return f"请求内容不得超过 {limit // 1024} KiB · a request may hold {limit // 1024} KiB at most"
