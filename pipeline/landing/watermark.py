"""WATERMARK: up to where a cursor feed has landed: which cursors count for it, how it moves on, how a person sets it back.

Enter pages, in LAND's transaction; leaves ops.source with the watermark.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from connectors.contract import Contract
from connectors.extract import Page
from connectors.feed import CursorFeed
from connectors.values import cursor_text, utc_text
from hub.database import store_errors
from hub.errors import ContractError, RequestError
from pipeline.store.locks import department_lock

_TOLERANCE = timedelta(days=1)  # a source whose clock or zone is a little off is no slip

_READ = "SELECT watermark, watermark_timezone FROM ops.source WHERE department = :department"
_MOVE = """
UPDATE ops.source SET watermark = :watermark, watermark_timezone = :timezone
WHERE department = :department AND (watermark IS NULL OR watermark COLLATE "C" < :watermark)
"""
_SET = "UPDATE ops.source SET watermark = :watermark, watermark_timezone = :timezone WHERE department = :department"


class Mark:
    """The highest cursor of a pull that counts, so far.

    A time that lies ahead is a slip of one row. Followed, it would have every later pull ask for what comes after it, get
    nothing, and end well: the feed would stand still and nobody would know.

    Nor does it pass the time when the pull began, where rows come in no order: one that changes once its page was read, and comes
    with its new time on none, lies below the highest of the pages that follow.

    Attributes:
        highest: cursor text; None where nothing that counts has come.
        ahead: rows whose time lies ahead.
    """

    def __init__(self, contract: Contract, stored: str | None) -> None:
        """Begin a pull.

        Args:
            contract: of the department.
            stored: the watermark that the pull goes out from.
        """
        self.highest: str | None = None
        self.ahead = 0
        self._contract, self._stored = contract, stored
        is_time = isinstance(contract.feed, CursorFeed) and contract.feed.cursor_type == "time"
        self._limit = furthest() if is_time else None
        self._began = utc_text(datetime.now(UTC)) if is_time and not is_ordered(contract) else None

    @property
    def watermark(self) -> str | None:
        """Up to where everything has come."""
        return self.highest if self._began is None or self.highest is None else min(self.highest, self._began)

    def take(self, page: Page) -> None:
        """Count a page's cursors in."""
        if self._began is not None and page.began is not None and self._is_near(page.began):
            self._began = page.began  # by the clock that the cursors are of
        highest = page.cursor
        if self._limit is not None and highest is not None and highest > self._limit:
            cursors = [cursor for cursor in page.rows.column("cursor").to_pylist() if cursor is not None]
            counting = [cursor for cursor in cursors if cursor <= self._limit]
            highest, self.ahead = max(counting, default=None), self.ahead + len(cursors) - len(counting)
        self.highest = max(filter(None, (self.highest, highest)), default=None)

    @staticmethod
    def _is_near(moment: str) -> bool:
        """A clock that is days off tells nothing of when the pull began."""
        return abs(datetime.fromisoformat(moment) - datetime.now(UTC)) < _TOLERANCE

    def alerts(self) -> list[str]:
        """What a person should know: rows that do not count, and a watermark that stands ahead from before."""
        told = []
        feed = getattr(self._contract.feed, "field", "")
        if self.ahead:
            told.append(
                f"cursor_ahead: {self.ahead} 行的 {feed} 比当前时间晚一天以上；已落地，水位不随之前移 · "
                f"{self.ahead} rows have {feed} more than a day ahead; they landed, and the watermark does not follow"
            )
        if self._limit is not None and self._stored is not None and self._stored > self._limit:
            told.append(
                f"watermark_ahead: 运行 `casehub sources rewind {self._contract.department}` 之前拉取不到新数据 · "
                f"nothing new comes until `casehub sources rewind {self._contract.department}`"
            )
        return told


def furthest() -> str:
    """The latest time that a row may have and no slip, as cursor text."""
    return utc_text(datetime.now(UTC) + _TOLERANCE)


def is_ordered(contract: Contract) -> bool:
    """Whether rows come in the order of their cursors, so that each page moves the watermark."""
    return isinstance(contract.feed, CursorFeed) and contract.feed.ordered


def read(connection: Connection, department: str) -> tuple[str | None, str | None]:
    """A department's watermark, and the time zone that it was read in, as far as either is known."""
    watermark, timezone = connection.execute(text(_READ), {"department": department}).one()
    return watermark, timezone


def require_zone(contract: Contract, watermark: str | None, timezone: str | None) -> None:
    """Refuse to go on from a watermark that was read in another time zone.

    Ahead by the hours between the two, it would leave out what changes in them, and nobody would know.

    Raises:
        ContractError: the contract's time zone is another than the watermark's.
    """
    is_time = isinstance(contract.feed, CursorFeed) and contract.feed.cursor_type == "time"
    if not is_time or watermark is None or timezone in (None, contract.timezone):
        return
    department = contract.department
    raise ContractError(
        f"{department}: 水位按时区 {timezone} 读取，契约现为 {contract.timezone} · "
        f"the watermark was read in the time zone {timezone}, the contract now says {contract.timezone}",
        remedy=f"先运行 `casehub sources rewind {department}`，再拉取该部门，已有的行不会重复；`casehub run {department} --remap` "
        "改正此前接受的时间 · "
        f"`casehub sources rewind {department}`, then run it: rows that come again are already known; `casehub run "
        f"{department} --remap` mends the times of those accepted before",
        department=department,
    )


def move(connection: Connection, contract: Contract, watermark: str) -> None:
    """Move a watermark on; one that is further already stays."""
    keys = {"department": contract.department, "timezone": contract.timezone}
    connection.execute(text(_MOVE), {**keys, "watermark": watermark})


def put_back(connection: Connection, contract: Contract, watermark: str | None, timezone: str | None) -> None:
    """Have the next pull begin where the last one did."""
    connection.execute(text(_SET), {"department": contract.department, "watermark": watermark, "timezone": timezone})


def rewind(engine: Engine, contract: Contract, to: str | None = None) -> str | None:
    """Set a watermark back, so that the next pull begins there; rows that come again are already known.

    Args:
        engine: the store.
        contract: of the department.
        to: a cursor as the source writes it; None: from the beginning.

    Returns:
        The watermark as it is now.

    Raises:
        BusyError: a run of the department is at work.
        RequestError: the feed has no watermark, or `to` cannot be read, or lies beyond what has landed.
    """
    department, feed = contract.department, contract.feed
    if not isinstance(feed, CursorFeed):
        raise RequestError(
            f"{department}: mode 为 {feed.mode} 的部门没有水位 · a feed of mode {feed.mode} has no watermark",
            remedy=f"用 `casehub run {department}` 重新拉取 · `casehub run {department}` pulls it anew",
        )
    zone = ZoneInfo(contract.timezone)
    watermark = None if to is None else _given(to, department, feed, zone)
    with store_errors(), department_lock(engine, department) as connection:
        key = {"department": department}
        stored = connection.execute(text(_READ), key).scalar()
        landed = cursor_text(stored, feed.cursor_type, zone)  # None where it is of another type, which nothing can be compared with
        if watermark is not None and (landed is None or watermark > landed):
            raise RequestError(
                f"{department}: 尚无记录落地到该处，且水位只能后退 · "
                "nothing is known to have landed up to there, and a watermark only goes back",
                remedy="写更早的值，或不写 --to：从头开始 · name an earlier one, or leave --to out: from the beginning",
            )
        connection.execute(text(_SET), {**key, "watermark": watermark, "timezone": contract.timezone})
        connection.commit()
    return watermark


def _given(to: str, department: str, feed: CursorFeed, zone: ZoneInfo) -> str:
    watermark = cursor_text(to, feed.cursor_type, zone)
    if watermark is None:
        raise RequestError(
            f"{department}: --to 的值不是 {feed.cursor_type} · --to is no {feed.cursor_type}",
            remedy=f"按来源中 {feed.field} 的写法填写 · write it as {feed.field} is written at the source",
        )
    return watermark
