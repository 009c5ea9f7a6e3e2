"""Engines, and what the database's refusals mean: how every layer reaches the store."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import psycopg2
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from hub import postgres
from hub.errors import StoreConflict, StoreError, StoreUnavailable, TooBusy
from hub.settings import Settings
from hub.wording import Words

P = ParamSpec("P")
T = TypeVar("T")
STATEMENT_TIMEOUT_S = 5  # of whatever a caller waits for
LONG_TIMEOUT_S = 20  # of what is large, or waits for the like before it: a file, a push
#: What a server, or the way to it, says → why nobody gets in. Its own words may be in another language, and quote the address.
_UNREACHABLE = {
    ("password authentication failed", "no password supplied"): Words("用户名或口令有误", "the user or the password is wrong"),
    ("pg_hba.conf",): Words("服务器的 pg_hba.conf 不允许由此登录", "pg_hba.conf of the server admits nobody from here"),
    ("does not exist",): Words("没有此数据库或用户", "there is no such database, or no such user"),
    ("could not translate host name",): Words("没有此主机", "there is no such host"),
    ("connection refused", "no such file"): Words("该端口无程序监听", "nothing listens there"),
    ("timeout", "timed out"): Words("没有应答，可能被防火墙拦截", "there is no answer: a firewall, perhaps"),
    ("connection slots", "too many"): Words("连接数已用尽", "every connection is taken"),
    ("starting up", "shutting down"): Words("服务器正在启动或停止", "the server is starting, or being stopped"),
}
_ELSE = Words("连接未成功", "no connection came about")
QUERY_CANCELED = "57014"
_CONFLICTS = ("40P01", "40001")  # a deadlock; a serialisation failure


def make_engine(url: URL | str) -> Engine:
    """An engine on the store: UTC, no statement text or parameters in errors, stale connections noticed."""
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=10,
        connect_args={"options": "-c timezone=UTC", "connect_timeout": 10},
    )


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Engine]:
    """The store's engine: on `database_url` if that is set, else on the embedded server for as long as this lasts.

    Raises:
        StoreUnavailable: the server does not come up or cannot be reached.
    """
    with contextlib.ExitStack() as stack:
        if settings.database_url is not None:
            url: URL | str = settings.database_url.get_secret_value()
        else:
            url = stack.enter_context(postgres.running(settings)).url()
        engine = make_engine(url)
        stack.callback(engine.dispose)
        if settings.database_url is not None:
            _require_reachable(engine)
        yield engine


def _require_reachable(engine: Engine) -> None:
    """Say what is wrong with a server of one's own, to whoever starts something on it; the connection is kept for him.

    Raises:
        StoreUnavailable: it lets nobody in; says where, and what to look at.
    """
    try:
        engine.connect().close()
    except OperationalError as error:
        url, told = engine.url, str(error.orig).lower()
        where = f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"
        why = next((reason for words, reason in _UNREACHABLE.items() if any(word in told for word in words)), _ELSE)
        raise StoreUnavailable(
            f"无法进入数据库 {where}：{why.zh} · the database {where} cannot be entered: {why.en}",
            remedy="核对 CASEHUB_DATABASE_URL；其中口令里的 @ 写作 %40，/ 写作 %2F，# 写作 %23 · "
            "look at CASEHUB_DATABASE_URL, in which %40 stands for @ of a password, %2F for / and %23 for #",
        ) from None


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """Turn a vanished server into StoreUnavailable, a deadlock into StoreConflict, and any other refusal into a StoreError without values.

    A pool of which every connection is taken is TooBusy.

    PostgreSQL's own messages repeat what was sent (`Key (id_no)=(…)`, `COPY staged, line 1, column payload: …`).
    """
    try:
        yield
    except DBAPIError as error:
        raise _store_error(error.orig, is_gone=error.connection_invalidated) from None
    except PoolTimeout:
        raise TooBusy(
            "连接已用尽，请稍后再试 · every connection is taken, try again shortly",
            remedy="稍后再试 · try again shortly",
            retry_after_s=1,
        ) from None
    except psycopg2.Error as error:  # COPY goes past SQLAlchemy
        raise _store_error(error) from None


@contextlib.contextmanager
def changing(engine: Engine, *, is_long: bool = False) -> Iterator[Connection]:
    """A transaction of somebody who waits for it: a statement that takes longer, be it that it waits for another's lock, is cancelled.

    Raises:
        StoreError, StoreUnavailable: as `store_errors` has them; of what was cancelled one that says what to do about a change.
    """
    try:
        with store_errors(), engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{LONG_TIMEOUT_S if is_long else STATEMENT_TIMEOUT_S}s'")
            yield connection
    except StoreError as error:
        if error.detail.get("sqlstate") != QUERY_CANCELED:
            raise
        raise StoreError(
            "写入等待过久，已取消，未写入任何内容 · the change waited too long and was cancelled: nothing of it was written",
            remedy="稍后原样再试 · try again shortly, as it was",
            problem="timeout",
            sqlstate=QUERY_CANCELED,
        ) from None


def retried(transaction: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what is one transaction, and call it again where the database ended it for another's sake.

    Raises:
        StoreConflict: four times in a row.
        StoreError, StoreUnavailable: as `store_errors` has them.
    """
    retrying = Retrying(retry=retry_if_exception_type(StoreConflict), stop=stop_after_attempt(4), wait=wait_random(0, 1), reraise=True)
    return retrying(store_errors()(transaction), *args, **kwargs)


def _store_error(error: BaseException | None, *, is_gone: bool = False) -> StoreError:
    state = getattr(error, "pgcode", None) or ""
    if (
        is_gone
        or isinstance(error, psycopg2.InterfaceError)
        or state.startswith(("08", "57P"))
        or (isinstance(error, psycopg2.OperationalError) and not state)
    ):
        return StoreUnavailable(
            "数据库不可用或连接中断 · the database went away or cannot be reached",
            remedy="稍后再试；如持续出现，请联系管理员 · "
            "try again later; if it goes on, the administrator checks the server and CASEHUB_DATABASE_URL",
        )
    if state in _CONFLICTS:
        return StoreConflict(
            f"与另一事务冲突，请重试 · another transaction was in the way: SQLSTATE {state}",
            remedy="重新运行，本次未写入任何内容 · run again: nothing of this one was written",
            sqlstate=state,
        )
    diagnosis = getattr(error, "diag", None)
    names = [str(name) for name in (getattr(diagnosis, part, None) for part in ("table_name", "column_name", "constraint_name")) if name]
    where = f" at {', '.join(names)}" if names else ""
    return StoreError(
        f"数据库拒绝了语句 · the database refused a statement: SQLSTATE {state or 'unknown'} ({type(error).__name__}){where}",
        remedy="已回滚；按 SQLSTATE 查阅 PostgreSQL 附录 A · "
        "look the SQLSTATE up in PostgreSQL's Appendix A; the transaction was rolled back",
        sqlstate=state,
    )
