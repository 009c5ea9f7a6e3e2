"""A database's errors in the hub's words: its own text may quote values, and is not shown."""

from __future__ import annotations

from typing import Any

from sqlalchemy import exc

from hub.errors import HubError, SourceFormatError, SourceRefused, SourceUnavailable
from hub.wording import Words

_REFUSED_WORDS = ("authentication failed", "no pg_hba.conf entry", "access denied", "permission denied", "is not permitted to log in")
_REFUSED_CODES = {1044, 1045, 1142, 1698}
_NO_DATABASE_CODES = {1049}
_MISSING_WORDS = (
    "does not exist",
    "no such table",
    "doesn't exist",
    "no such column",
    "unknown column",
    "invalid object name",
    "ora-00942",
)
_AWAY_WORDS = ("unable to open", "locked", "busy", "disk i/o")
_SLOW_WORDS = ("statement timeout", "interrupted", "timed out", "max_statement_time", "lost connection to mysql server during query")


def not_utf8(error: exc.DBAPIError) -> bool:
    """Whether SQLite met text that it cannot decode."""
    return "could not decode to utf-8" in _text(error)


def translated(error: exc.DBAPIError, dialect: str, department: str, timeout_s: int) -> HubError:
    """What a department's database refused, with what to do about it.

    Args:
        error: as SQLAlchemy raises it.
        dialect: the database's kind, by SQLAlchemy's name.
        department: whose database it is.
        timeout_s: after how many seconds a statement is given up.
    """
    code = _code(error)
    what = Words(f"{dialect} 数据库", f"the {dialect} database")
    detail: dict[str, Any] = {"department": department, "code": code}
    place = f"{department}: "
    refused = _refused(_text(error), code, place, what, detail)
    if refused is not None:
        return refused
    if any(word in _text(error) for word in _SLOW_WORDS):
        return SourceUnavailable(
            f"{place}{what.zh}在 {timeout_s} 秒内没有应答 · {what.en} gave no answer in {timeout_s} s",
            remedy="增大 timeout_s，或请部门为游标列和主键建索引 · raise timeout_s, or ask for an index on the cursor and the key",
            **detail,
        )
    if _is_away(error, dialect):
        return SourceUnavailable(
            f"{place}{what.zh}无法连接，或连接中断（{code}） · {what.en} cannot be reached or broke off ({code})",
            remedy="核对连接中的主机与端口、对方是否在运行，再运行一次 · "
            "check host and port in the connection, and that it is up; then run again",
            **detail,
        )
    kind = type(error).__name__
    return SourceFormatError(
        f"{place}{what.zh}无法执行此查询（{kind}，{code}） · {what.en} cannot answer the query ({kind}, {code})",
        remedy="核对契约中的 query: · check query: in the contract",
        **detail,
    )


def _refused(text: str, code: int | str, place: str, what: Words, detail: dict[str, Any]) -> HubError | None:
    """What waiting does not help against: credentials, a database, table or column that is not there."""
    if code in _REFUSED_CODES or any(word in text for word in _REFUSED_WORDS):
        return SourceRefused(
            f"{place}{what.zh}拒绝了此凭据 · {what.en} refuses these credentials",
            remedy="核对连接中的用户、密码及其权限 · check the connection's user, password and grants",
            **detail,
        )
    if code in _NO_DATABASE_CODES or ("database" in text and "does not exist" in text):
        return SourceRefused(
            f"{place}没有此名称的 {what.zh} · {what.en} is not there under this name",
            remedy="核对连接中的数据库名称 · check the database's name in the connection",
            **detail,
        )
    if any(word in text for word in _MISSING_WORDS):
        return SourceFormatError(
            f"{place}{what.zh}没有此表或列 · {what.en} has no such table or column",
            remedy="核对契约中的 relation: 或 query: · check relation: or query: in the contract",
            missing=True,
            **detail,
        )
    return None


def _is_away(error: exc.DBAPIError, dialect: str) -> bool:
    if dialect == "sqlite":  # calls a mistake in a query operational, too
        return any(word in _text(error) for word in _AWAY_WORDS)
    return isinstance(error, (exc.OperationalError, exc.InterfaceError)) or error.connection_invalidated


def _text(error: exc.DBAPIError) -> str:
    return str(error.orig).lower()


def _code(error: exc.DBAPIError) -> int | str:
    """PostgreSQL's SQLSTATE or MariaDB's number; what else a driver has in its place may be a sentence."""
    code = getattr(error.orig, "pgcode", None) or (error.orig.args[0] if error.orig is not None and error.orig.args else None)
    return code if isinstance(code, int) or (isinstance(code, str) and len(code) == 5) else "no code"
