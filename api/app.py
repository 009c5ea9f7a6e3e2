"""The API's factory: routes, what surrounds them, and how errors become answers."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

from anyio import CapacityLimiter
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import Match as RouteMatch

from api.audit.sealing import Sealer
from api.audit.writer import AuditWriter
from api.authentication.authenticator import make_authenticator
from api.authentication.in_flight import InFlight
from api.authentication.issuers import MAX_WAITING
from api.change_feed import read_head
from api.change_waiting import ChangeWaiting
from api.chronicle import Kept
from api.departments import Directory, load_directory
from api.docs import add_docs
from api.lookups.worker import Worker, working
from api.match_view import Promises
from api.metrics import RequestMetrics
from api.middleware import AuditGate, BodyLimit, Envelope, RequestPlaces
from api.problems import PROBLEMS, REMEDIES, STATUSES, ProblemAnswer, hub_error_response, problem_response
from api.routes import (
    access_requests,
    cases,
    changes,
    entities,
    export,
    health,
    inbox,
    lookups,
    match,
    one_case,
    platform,
    reports,
    watches,
)
from api.state import CHECKERS, make_hub, trace_of
from api.tidying import tidying
from hub import field_words
from hub.errors import HubError
from hub.settings import Settings

_WORD = re.compile(r"[A-Za-z_]{1,40}")  # as fields are called
_AS_DOCUMENTED = "对照 /docs 改正 · correct it as /docs says"
_AS_JSON = "加上请求头 Content-Type: application/json · send the header Content-Type: application/json"
_DESCRIPTION = """
十六个部门的记录汇成统一案件，一个入口查询。 · Sixteen departments' records made one store of cases, with one entry to ask it by.

`POST /v1/cases/search` 识别输入的是案号、证件号码、电话、信用代码、姓名、单位、地址还是关键词，并说明每个案件为何匹配。
It recognises what was typed, says how it read it, and why each case was found.

- 注明查看目的与案号（X-Purpose、X-Case-Reference）方显示本部门记录的个人信息原文；未注明时一律脱敏，其他部门的始终脱敏。
Personal values of your own department's records are clear to a call that says what for (X-Purpose, X-Case-Reference), and masked
otherwise; others' are always masked.
- 错误均为 RFC 9457 `application/problem+json`，`type` 固定不变。 Errors are problem documents with a stable `type`.
- 每次调用均有访问记录。 Every call is written down before it is answered.
"""

_TAGS = {
    "cases": "案件",
    "persons and organisations": "人与单位",
    "match": "匹配",
    "batch look-ups": "批量查询",
    "changes": "变更",
    "watches": "关注",
    "reports": "异议",
    "restricted records": "受限记录",
    "platform": "平台",
    "inbox": "部门推送接收",
    "operation": "运行",
}

_DOCUMENT: dict[str, Any] = {
    "title": "案件汇聚平台 · Case hub",
    "version": "1",
    "description": _DESCRIPTION,
    "docs_url": None,
    "redoc_url": None,
    "openapi_tags": [{"name": name, "description": f"{zh} · {name}"} for name, zh in _TAGS.items()],
    "generate_unique_id_function": lambda route: route.name,
}


def create_app(settings: Settings, engine: Engine, directory: Directory | None = None) -> FastAPI:
    """Build the API.

    Args:
        settings: the process's.
        engine: the store's; it is the caller's to dispose of.
        directory: the departments; None reads every contract that the settings name.

    Raises:
        ContractError: there is no such folder of contracts.
    """
    writer = AuditWriter(engine)
    hub = make_hub(settings, engine, load_directory(settings) if directory is None else directory)
    worker = Worker(hub)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with _sealing(settings, engine, writer), working(worker), tidying(engine):
            yield
        app.state.authenticator.close()
        hub.close()

    app = FastAPI(lifespan=lifespan, redirect_slashes=False, **_DOCUMENT)
    app.state.hub, app.state.lookups = hub, worker
    app.state.authenticator = make_authenticator(settings, hub.checking, hub.check, hub.directory, hub.policies.current)
    app.state.checkers = CapacityLimiter(MAX_WAITING * max(1, len(settings.oidc_issuers)) + CHECKERS)  # for the store so many
    app.state.in_flight = InFlight(settings.calls_at_once, settings.batches_at_once)
    app.state.requests = RequestMetrics()
    app.state.changes = ChangeWaiting(lambda: read_head(app.state.hub), settings.change_places, settings.feeds_at_once)
    app.state.promises = Promises()
    app.state.kept = Kept(hub.read)
    for module in (cases, match, export, one_case, entities, changes, watches, lookups, reports, access_requests, platform, inbox, health):
        app.include_router(module.router)
    _surround(app, writer, settings)
    _handle_errors(app)
    add_docs(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign] # FastAPI's documented way
    return app


@contextlib.contextmanager
def _sealing(settings: Settings, engine: Engine, writer: AuditWriter) -> Iterator[None]:
    """Chain the calls' rows while this lasts, and those of the last calls at its end."""
    sealer = Sealer(engine, settings.audit_head_file, settings.audit_seal_seconds) if settings.audit_seal_seconds else None
    if sealer is not None:
        sealer.start()
    try:
        yield
    finally:
        writer.close()
        if sealer is not None:
            sealer.stop()


def _surround(app: FastAPI, writer: AuditWriter, settings: Settings) -> None:
    """Innermost first: the limit on bodies, the places, the audit row, the envelope."""
    app.add_middleware(BodyLimit, limits={lookups.PATH: settings.lookup_bytes})
    app.add_middleware(RequestPlaces)
    app.add_middleware(AuditGate, writer=writer)
    app.add_middleware(Envelope, observe=app.state.requests.observe, hsts_seconds=app.state.hub.settings.hsts_seconds)


def _handle_errors(app: FastAPI) -> None:
    app.add_exception_handler(HubError, _hub_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(PoolTimeout, _overloaded)


async def _hub_error(request: Request, error: Exception) -> JSONResponse:
    return hub_error_response(cast(HubError, error), trace_of(request).request_id)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    """Which fields, and why; pydantic's own words for a value are left out, for they repeat it."""
    found = cast(RequestValidationError, error).errors()
    errors = [{"field": ".".join(_told(each)), "problem": field_words.told(each)} for each in found]
    is_unread = any(each["loc"] == ("body",) and each["type"] != "missing" for each in found)
    return problem_response(
        PROBLEMS["request"],
        "请求参数有误，详见 errors · the request has mistakes, see errors",
        remedy=_AS_JSON if is_unread and "json" not in request.headers.get("content-type", "") else _AS_DOCUMENTED,
        request_id=trace_of(request).request_id,
        errors=errors[:20],
    )


def _told(error: dict[str, Any]) -> Iterator[str]:
    """Where a mistake is. A name that nobody knows was sent, and may be anything: it is told where it can be but a misspelt one."""
    *places, last = error["loc"]
    yield from map(str, places)
    if error["type"] != "extra_forbidden" or _WORD.fullmatch(str(last)):
        yield str(last)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    found = cast(HTTPException, error)
    problem = PROBLEMS[STATUSES.get(found.status_code, "request" if found.status_code < 500 else "unexpected")]
    detail = str(found.detail) if found.status_code in (408, 413) else problem.title
    headers = {"Allow": _allowed(request)} if found.status_code == 405 else found.headers
    remedy = REMEDIES.get(found.status_code, "")
    return problem_response(problem, detail, remedy=remedy, request_id=trace_of(request).request_id, headers=headers)


def _allowed(request: Request) -> str:
    """Every method of the routes that this path leads to; the framework tells those of the first alone."""
    routes = [
        route for route in request.app.routes if isinstance(route, APIRoute) and route.matches(request.scope)[0] is not RouteMatch.NONE
    ]
    return ", ".join(sorted({method for route in routes for method in route.methods}))


async def _overloaded(request: Request, error: Exception) -> JSONResponse:
    """Every connection of the pool stayed taken for too long."""
    detail = "连接已用尽，请稍后再试 · every connection is taken, try again shortly"
    return problem_response(PROBLEMS["overloaded"], detail, request_id=trace_of(request).request_id, headers={"Retry-After": "1"})


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the problem document among its schemas and no 422 of the framework's own shape."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document["components"]["schemas"]
        problem = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs", {})
        schemas["ProblemAnswer"] = problem
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        app.openapi_schema = document
    return app.openapi_schema
