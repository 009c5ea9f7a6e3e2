"""What rest and soap share: one bounded, retried HTTP exchange, its authentication, and its failures in the hub's words."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from types import TracebackType
from typing import Any

import httpx
from httpx_retries import Retry, RetryTransport
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from connectors.connections import Connection, variable
from connectors.connector import RestConnector, SoapConnector
from connectors.transports.signing import Signer, signer
from connectors.values import utc_text
from hub.errors import SettingsError, SourceFormatError, SourceLimitError, SourceRefused, SourceUnavailable
from hub.wording import Words

_RETRIED = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_WAIT_S = 60.0
_READABLE_ENCODINGS = {"", "identity", "gzip", "deflate"}


@cache
def _trust() -> ssl.SSLContext:
    """Whom to trust over TLS; read once, it takes longer than a request."""
    return httpx.create_ssl_context()


@dataclass(frozen=True)
class Answer:
    """A whole answer: its status was 2xx (or a SOAP fault's 500), its body is within the limit."""

    status: int
    headers: httpx.Headers
    body: bytes
    url: httpx.URL

    @property
    def media_type(self) -> str:
        """text/html, application/json …"""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()


class _BodyBroke(Exception):
    """The connection failed while the body was read, which the retries of the transport do not see."""


def http_url(text: str, what: str) -> httpx.URL:
    """An address of an HTTP server.

    Args:
        text: the address; it may hold a password, and is not shown.
        what: the setting that holds it.

    Raises:
        SettingsError: it is none.
    """
    try:
        url = httpx.URL(text)
    except (ValueError, httpx.InvalidURL):  # its words quote what stands where a port should: often a part of a password
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        remedy = (
            "以 https:// 开头；密码中的特殊字符写作 %40（@）、%2F（/）、%23（#） · "
            "begin with https://, and write what is special in a password as %40 for @, %2F for /, %23 for #"
        )
        raise SettingsError(f"{what} 不是 http 地址 · {what} is no http URL", remedy=remedy)
    return url


def require_usable(connector: RestConnector | SoapConnector, connection: Connection, department: str) -> None:
    """Refuse a connection that no request could be made with; asks nobody.

    Raises:
        SettingsError: its address is none, or it lacks what the contract's auth needs.
    """
    http_url(connection.url, variable(connection.name))
    signer(connector, connection, department, _post_nothing)
    if connector.auth == "oauth2_client_credentials":
        http_url(connection.options["token_url"], f"token_url of {variable(connection.name)}")


def _post_nothing(url: str, headers: Mapping[str, str], form: bytes) -> httpx.Response:
    raise RuntimeError("a signer asks for a token when a request is made")


class HttpSource:
    """One department's HTTP system; a context manager.

    Args:
        connector: paths, limits and how to authenticate.
        connection: address and credentials.
        department: for messages.

    Attributes:
        began: when the first request went out by the server's own clock, as cursor text; None where it does not tell its time.
    """

    def __init__(self, connector: RestConnector | SoapConnector, connection: Connection, department: str) -> None:
        self._base = http_url(connection.url.rstrip("/"), variable(connection.name))
        self.host = self._base.netloc.decode("ascii")
        self.department = department
        self._connector = connector
        self._connection = connection.name
        self._tries = connector.retries + 1
        retry = Retry(
            total=connector.retries,
            allowed_methods=("GET", "POST"),
            status_forcelist=_RETRIED,
            backoff_factor=0.2,
            backoff_jitter=0.5,
            max_backoff_wait=_LONGEST_WAIT_S,
        )
        self._client = httpx.Client(
            transport=RetryTransport(httpx.HTTPTransport(verify=_trust()), retry),
            timeout=connector.timeout_s,
            headers={"User-Agent": "casehub", "Accept-Encoding": "gzip, deflate"},
            trust_env=False,
        )
        self.began: str | None = None
        self._signer: Signer = signer(connector, connection, department, self._post_form)

    def __enter__(self) -> HttpSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def url(self, path: str) -> httpx.URL:
        """A path below the connection's address."""
        return self._base.copy_with(path=self._base.path.rstrip("/") + path)

    def is_own(self, url: httpx.URL) -> bool:
        """Whether an address is of the connection's own host: credentials go nowhere else."""
        return (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)

    def get(self, url: httpx.URL, params: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        """GET; see `_send`."""
        return self._send("GET", url.copy_merge_params(dict(params)), headers)

    def post(self, url: httpx.URL, content: bytes, headers: Mapping[str, str]) -> Answer:
        """POST of a query that changes nothing, and so is retried as well; lets a SOAP fault (500 with XML) through."""
        return self._send("POST", url, headers, content)

    def _send(self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None = None) -> Answer:
        """Sign, send, retry, read within the limit, and refuse what is no good answer.

        Raises:
            SourceUnavailable: no connection, no answer in time, 5xx or 429 after all tries.
            SourceRefused: 401, 403, 404 and other 4xx; a redirect.
            SourceLimitError: the answer is longer than the limit.
            SourceFormatError: a content encoding nobody asked for.
        """
        signature, sent = self._signer.headers(), time.monotonic()
        answer = self._retried(method, url, {**headers, **signature}, content)
        if self.began is None:
            self.began = _sent_at(answer, time.monotonic() - sent)
        if answer.status == 401 and self._signer.renew():
            answer = self._retried(method, url, {**headers, **self._signer.headers()}, content)
        is_fault = method == "POST" and answer.status == 500 and "xml" in answer.media_type
        if not is_fault:
            self._refuse_status(answer)
        return answer

    def _post_form(self, url: str, headers: Mapping[str, str], form: bytes) -> httpx.Response:
        """What the signer fetches its tokens with: the same limits and retries, no signature."""
        answer = self._retried("POST", http_url(url, f"token_url of {variable(self._connection)}"), headers, form)
        if answer.status >= 500 or answer.status in _RETRIED:
            self._refuse_status(answer)
        return httpx.Response(answer.status, content=answer.body, request=httpx.Request("POST", url))

    def _retried(self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None) -> Answer:
        retrying = Retrying(
            stop=stop_after_attempt(self._tries),
            wait=wait_exponential_jitter(multiplier=0.2, max=10),
            retry=retry_if_exception_type(_BodyBroke),
            reraise=True,
        )
        try:
            return retrying(self._exchange, method, url, headers, content)
        except (_BodyBroke, httpx.TransportError) as error:
            failure = _failure(error.__cause__ if isinstance(error, _BodyBroke) else error)
            raise SourceUnavailable(
                f"{self.department}: {self.host} {failure.zh}，已尝试 {self._tries} 次 · "
                f"{self.host} {failure.en}, after {self._tries} tries",
                remedy="请稍后重试；若仍如此，请询问部门 · try again later; if it stays so, ask the department's desk",
                department=self.department,
                host=self.host,
            ) from None

    def _exchange(self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None) -> Answer:
        request = self._client.build_request(method, url, headers=dict(headers), content=content)
        response = self._client.send(request, stream=True)
        try:
            return Answer(response.status_code, response.headers, self._read(response), response.url)
        except httpx.DecodingError:
            raise SourceFormatError(
                f"{self.department}: {self.host} 的压缩应答已损坏 · {self.host} sent a damaged compressed answer",
                remedy="请稍后重试；若仍如此，请部门检查其网关的压缩 · try again; if it stays so, have the department's gateway looked at",
                department=self.department,
            ) from None
        except httpx.TransportError as error:
            raise _BodyBroke from error
        finally:
            response.close()

    def _read(self, response: httpx.Response) -> bytes:
        encoding = response.headers.get("content-encoding", "").lower()
        if encoding not in _READABLE_ENCODINGS:
            raise SourceFormatError(
                f"{self.department}: {self.host} 用了未请求的压缩 · "
                f"{self.host} answers in a content encoding that was not asked for: {encoding[:20]}",
                remedy="请部门按 Accept-Encoding（gzip、deflate）返回 · ask the department's desk to heed Accept-Encoding (gzip, deflate)",
                department=self.department,
            )
        limit, deadline = self._connector.max_response_bytes, time.monotonic() + 10 * self._connector.timeout_s
        announced = response.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            raise self._too_long(limit)
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > limit:
                raise self._too_long(limit)
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer trickles", request=response.request)
        return bytes(body)

    def _too_long(self, limit: int) -> SourceLimitError:
        return SourceLimitError(
            f"{self.department}: {self.host} 的应答超过 {limit} 字节 · an answer of {self.host} is longer than {limit} bytes",
            remedy="减小每页行数，或提高契约中的 max_response_bytes · ask for smaller pages, or raise max_response_bytes in the contract",
            department=self.department,
            limit=limit,
        )

    def _refuse_status(self, answer: Answer) -> None:
        status = answer.status
        if 200 <= status < 300:
            return
        detail = {"department": self.department, "host": self.host, "status": status}
        if status in _RETRIED or status >= 500:
            raise SourceUnavailable(
                f"{self.department}: {self.host} 返回 {status}，已尝试 {self._tries} 次 · "
                f"{self.host} answered {status} after {self._tries} tries",
                remedy="请稍后重试 · try again later",
                **detail,
            )
        remedy = {
            401: "核对连接中的凭据，以及契约中的 auth: · check the credentials in the connection, and auth: in the contract",
            403: "请部门允许此凭据 · ask the department's desk to allow these credentials",
            404: "核对契约中的 path: 和连接中的 url · check path: in the contract and the connection's url",
        }.get(
            status,
            "对照来源的文档核对契约中的 path、params 和 pages · "
            "check the contract's path, params and pages against the source's documentation",
        )
        if 300 <= status < 400:
            remedy = "来源已迁移：把新地址写入连接 · the source has moved: put its new address into the connection"
        raise SourceRefused(f"{self.department}: {self.host} 返回 {status} · {self.host} answered {status}", remedy=remedy, **detail)


def _sent_at(answer: Answer, elapsed_s: float) -> str | None:
    try:
        told = parsedate_to_datetime(answer.headers.get("date", ""))
        return utc_text((told if told.tzinfo else told.replace(tzinfo=UTC)) - timedelta(seconds=elapsed_s))
    except (ValueError, OverflowError):
        return None


def _failure(error: BaseException | None) -> Words:
    if isinstance(error, httpx.ConnectTimeout | httpx.ReadTimeout | httpx.WriteTimeout | httpx.PoolTimeout):
        return Words("未在时限内应答", "gave no answer in time")
    if isinstance(error, httpx.ConnectError):
        return Words("无法连接", "cannot be reached")
    return Words("中断了连接", "broke off the connection")
