"""Errors as answers: every class of hub/errors.py has one status, one stable `type` and one title (RFC 9457, problem+json).

An error enters; a JSON document leaves that says what happened, in Chinese first, and what to do next. Nothing that was
sent is repeated in it, and nothing of the inside shows: an error of the hub's own is a request id to ask about.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.examples import refused
from hub.database import QUERY_CANCELED
from hub.errors import (
    AccessDenied,
    BatchHeld,
    BusyError,
    ConservationError,
    ContractError,
    DecryptionError,
    EngineError,
    HubError,
    IssuerUnavailable,
    KeyMissing,
    NotFound,
    RequestError,
    SchemaError,
    SettingsError,
    SnapshotError,
    SourceError,
    SourceFormatError,
    SourceLimitError,
    SourceRefused,
    SourceUnavailable,
    StoreConflict,
    StoreError,
    StoreUnavailable,
    TooBusy,
    TooManyRequests,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
_TIMEOUT = "查询用时过长，已取消 · it took too long and was cancelled"
_NARROW = "增加筛选条件后再试 · narrow it by filters and try again"
_INTERNAL = "内部错误，请凭 request_id 询问管理员 · an error of the hub's own; ask the administrator, naming the request_id"

_log = logging.getLogger("api")


@dataclass(frozen=True)
class Problem:
    """One kind of refusal: the last part of its `type`, its status and its title in both languages."""

    code: str
    status: int
    zh: str
    en: str

    @property
    def type(self) -> str:
        """The stable name that a client may test for."""
        return f"urn:casehub:problem:{self.code}"

    @property
    def title(self) -> str:
        """Chinese first, English beside it."""
        return f"{self.zh} · {self.en}"


PROBLEMS = {
    problem.code: problem
    for problem in (
        Problem("unexpected", 500, "系统内部错误", "Unexpected error"),
        Problem("misconfigured", 500, "系统设置有误", "The hub is misconfigured"),
        Problem("contract", 500, "数据契约有误", "A contract is wrong"),
        Problem("conservation", 500, "数据守恒校验未通过", "A row was lost or doubled"),
        Problem("source", 502, "部门系统应答异常", "A department's system did not keep its contract"),
        Problem("source-unavailable", 503, "部门系统暂不可用", "A department's system is unavailable"),
        Problem("batch-held", 409, "批次已挂起，等待处理", "The batch is held"),
        Problem("conflict", 409, "当前状态不允许此操作", "Its state does not allow that"),
        Problem("busy", 409, "正在处理中，请稍后再试", "Somebody else is at it"),
        Problem("decryption", 500, "加密数据无法解密", "A stored value does not decrypt"),
        Problem("key-missing", 503, "缺少新密钥，待重启", "A new key is not here yet"),
        Problem("store", 500, "数据库拒绝了语句", "The store refused a statement"),
        Problem("store-unavailable", 503, "数据库暂不可用", "The store is unavailable"),
        Problem("schema", 503, "数据库结构版本不符", "The store's schema is of another version"),
        Problem("overloaded", 503, "请求过多，请稍后再试", "Too many requests at once"),
        Problem("timeout", 504, "查询超时", "The query took too long"),
        Problem("not-found", 404, "没有找到", "Not found"),
        Problem("method-not-allowed", 405, "不支持此方法", "Method not allowed"),
        Problem("not-authenticated", 401, "未通过身份验证", "Not authenticated"),
        Problem("access-denied", 403, "无权访问", "Access denied"),
        Problem("too-many-requests", 429, "请求过于频繁", "Too many requests"),
        Problem("too-many-at-once", 429, "并发请求过多", "Too many requests of one caller at once"),
        Problem("issuer-unavailable", 503, "身份认证服务暂不可用", "The identity provider is unavailable"),
        Problem("request", 422, "请求有误", "The request cannot be read"),
        Problem("beyond-relevance", 422, "相关度排序到此为止", "Relevance orders no further"),
        Problem("idempotency-key-reused", 422, "Idempotency-Key 已用于另一请求", "The Idempotency-Key was used for another request"),
        Problem("not-http", 400, "请求不是合法的 HTTP", "The request is no valid HTTP"),
        Problem("identifier-in-url", 400, "证件号码、电话等不得放在网址中", "No identifier may be in a URL"),
        Problem("position-expired", 410, "此位置之后的变更已不再保留", "What changed since is no longer kept"),
        Problem("watch-limit", 409, "关注数已达上限", "No more watches"),
        Problem("too-slow", 408, "请求内容未及时送达", "The request did not arrive in time"),
        Problem("too-large", 413, "请求内容过大", "The request is too large"),
    )
}

#: Error class → problem. A class that is not here takes its nearest ancestor's.
CLASSES: dict[type[HubError], str] = {
    HubError: "unexpected",
    SettingsError: "misconfigured",
    ContractError: "contract",
    SourceError: "source",
    SourceUnavailable: "source-unavailable",
    SourceRefused: "source",
    SourceFormatError: "source",
    SourceLimitError: "source",
    SnapshotError: "source",
    BatchHeld: "batch-held",
    ConservationError: "conservation",
    BusyError: "busy",
    DecryptionError: "decryption",
    KeyMissing: "key-missing",
    StoreError: "store",
    StoreConflict: "busy",
    StoreUnavailable: "store-unavailable",
    EngineError: "unexpected",
    SchemaError: "schema",
    NotFound: "not-found",
    AccessDenied: "access-denied",
    TooManyRequests: "too-many-requests",
    IssuerUnavailable: "issuer-unavailable",
    RequestError: "request",
    TooBusy: "overloaded",
}

#: Answers of the web framework's own.
STATUSES = {404: "not-found", 405: "method-not-allowed", 408: "too-slow", 413: "too-large"}
#: What to do about them; of the others their detail says it.
REMEDIES = {
    404: "核对网址和编号是否完整；/docs 列出全部接口 · see whether the path and the id in it are whole; /docs lists every path",
    405: "改用应答头 Allow 所列的方法 · use a method that the header Allow lists",
}


class FieldProblem(BaseModel):
    """What is wrong with one field of a request; the value itself is not repeated."""

    field: str = Field(examples=["query.limit"])
    problem: str = Field(examples=["不得大于 200 · Input should be less than or equal to 200"])


class ProblemAnswer(BaseModel):
    """RFC 9457 problem details, with a remedy and the request's id."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:casehub:problem:identifier-in-url",
                "title": PROBLEMS["identifier-in-url"].title,
                "status": 400,
                "detail": "q 中含有证件号码或电话 · q holds an ID number or a phone",
                "remedy": "改用 POST /v1/cases/search · use POST /v1/cases/search",
                "request_id": "1f0e6c5e2b0c4c0f9a51c5d5c7a3d1ab",
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str
    remedy: str | None = None
    request_id: str | None = None
    errors: list[FieldProblem] | None = None


def problem_of(error: HubError) -> Problem:
    """The problem of an error: the one it names itself (`problem=` in its detail), else its class's."""
    if error.detail.get("sqlstate") == QUERY_CANCELED:
        return PROBLEMS["timeout"]
    named = error.detail.get("problem")
    if isinstance(named, str) and named in PROBLEMS:
        return PROBLEMS[named]
    return PROBLEMS[next(CLASSES[cls] for cls in type(error).__mro__ if cls in CLASSES)]


def hub_error_response(error: HubError, request_id: str | None) -> JSONResponse:
    """The answer to an error of the hub's tree."""
    problem = problem_of(error)
    headers: dict[str, str] = {}
    if problem.status == 401:
        scheme = error.detail.get("scheme", "Bearer")
        headers["WWW-Authenticate"] = f'{scheme} realm="casehub", error="{error.detail.get("challenge", "invalid_token")}"'
    if error.retryable or problem.status == 503:
        headers["Retry-After"] = str(error.detail.get("retry_after_s", RETRY_AFTER_S))
    if problem.code == "timeout" and "problem" not in error.detail:  # a question; of a change the error says itself what to do
        return problem_response(problem, _TIMEOUT, remedy=_NARROW, request_id=request_id, headers=headers)
    if problem.status == 500:  # its words are for the log: they name files, settings and tables of the inside
        _log.error("%s, request %s: %s", type(error).__name__, request_id, error)
        return problem_response(problem, _INTERNAL, request_id=request_id)
    return problem_response(problem, error.message, remedy=error.remedy, request_id=request_id, headers=headers)


def problem_response(
    problem: Problem,
    detail: str,
    *,
    remedy: str = "",
    request_id: str | None = None,
    errors: Sequence[Mapping[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem+json answer."""
    answer = ProblemAnswer(
        type=problem.type,
        title=problem.title,
        status=problem.status,
        detail=detail,
        remedy=remedy or None,
        request_id=request_id,
        errors=None if errors is None else [FieldProblem(**error) for error in errors],
    )
    content = answer.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` for these statuses, each a problem+json.

    Whoever must say who he is may also be told to wait (429), and a body that may be too large may be too slow as well (408).
    """
    also = {429} if 401 in statuses else set[int]()
    also |= {408} if 413 in statuses else set()
    statuses = tuple(sorted({*statuses, *also}))
    titles = {status: [p.title for p in PROBLEMS.values() if p.status == status] for status in statuses}
    schema = {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}}
    return {status: {"description": "; ".join(titles[status]), "content": {MEDIA_TYPE: schema | refused(status)}} for status in statuses}
