"""EXTRACT: pages of a department's source, after a watermark.

Enters: a contract and what to ask for. Leaves: `Page`s of schema.records.RAW_PAGE for LAND. Rows come as they are: nothing is
judged, mapped or left out, but what is older than the watermark less the contract's lag.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from connectors.contract import Contract
from connectors.feed import CursorFeed
from connectors.pages import Page, Paginator
from connectors.values import cursor_text
from hub.errors import ContractError, SettingsError

__all__ = ["Page", "Pull", "extract", "reconcile"]


@dataclass(frozen=True)
class Pull:
    """What to ask of the source.

    Attributes:
        watermark: cursor text as stored (`Page.cursor`); None: from the beginning.
        since: the watermark less the contract's lag, as the source writes cursors: a time with the offset of the contract's
            zone, an integer without zeros before it, a text as it is.
    """

    watermark: str | None = None
    since: str | None = None

    @classmethod
    def after(cls, contract: Contract, watermark: str | None) -> Pull:
        """What to ask after a watermark; everything where there is none, or where the feed has no cursor.

        Raises:
            ContractError: the watermark is of another type than the contract's cursor.
        """
        feed, zone = contract.feed, ZoneInfo(contract.timezone)
        if watermark is None or not isinstance(feed, CursorFeed):
            return cls()
        mark = cursor_text(watermark, feed.cursor_type, zone)
        if mark is None:
            raise _of_another_type(contract)
        if feed.cursor_type == "integer":
            return cls(watermark, str(int(mark)))
        if feed.cursor_type == "text":
            return cls(watermark, mark)
        try:
            moment = (datetime.fromisoformat(mark) - feed.lag).astimezone(zone)
        except OverflowError:  # year 1 or 9999, moved over the edge by the lag or the zone
            raise _of_another_type(contract) from None
        return cls(watermark, moment.replace(microsecond=0).isoformat())


def extract(contract: Contract, pull: Pull, *, engine: Engine | None = None) -> Iterator[Page]:
    """Pages of the source; the last one is `complete`, and there always is one.

    Args:
        contract: of the department.
        pull: see `Pull.after`. Rows exactly at `since` come again; landing knows them.
        engine: the hub's own store, where an inbox feed waits.

    Raises:
        SettingsError: the connection's environment variable is missing or malformed.
        ContractError: the contract names a relation, column or path that is not there.
        SourceError: see hub.errors; pages handed on before stay good.
    """
    return _pages(contract, pull, engine, is_sweep=False)


def _pages(contract: Contract, pull: Pull, engine: Engine | None, *, is_sweep: bool) -> Iterator[Page]:
    connector, since = contract.connector, pull.since
    watches_seams = contract.feed.mode == "cursor" and not is_sweep  # what deletes by absence counts rows instead
    if connector.kind == "rest":
        from connectors.transports import rest  # each kind pays for its own libraries alone

        watched = Paginator(contract, since=_floor(contract, since) if connector.since_param is None else None, watch_repeats=True)
        return rest.pages(contract, since, watched, watches_seams=watches_seams)
    if connector.kind == "soap":
        from connectors.transports import soap

        has_since = "{since}" in connector.body
        watched = Paginator(contract, since=None if has_since else _floor(contract, since), watch_repeats=True)
        return soap.pages(contract, since, watched, watches_seams=watches_seams)
    if connector.kind == "sql":
        from connectors.transports import sql

        return sql.pages(contract, since, Paginator(contract))
    if connector.kind == "file":
        from connectors.transports import file

        return file.pages(contract, Paginator(contract, since=_floor(contract, since)))
    from connectors.transports import inbox

    if engine is None:
        raise SettingsError(
            f"{contract.department}: 收件箱方式须使用平台的数据库 · an inbox feed needs the hub's store",
            remedy="传入 engine= · pass engine=",
        )
    return inbox.pages(contract, Paginator(contract), engine)


def reconcile(contract: Contract, *, engine: Engine | None = None) -> Iterator[Page]:
    """Everything the source holds, for the sweep of keys and hashes: what is absent from a complete sweep was deleted there.

    Args:
        contract: of the department.
        engine: see `extract`; an inbox cannot be swept and gives what waits.
    """
    if contract.connector.kind == "sql":
        from connectors.transports import sql

        return sql.pages(contract, None, Paginator(contract), sweep=True)
    return _pages(contract, Pull(), engine, is_sweep=True)


def _of_another_type(contract: Contract) -> ContractError:
    department = contract.department
    return ContractError(
        f"{department}: 水位无法按 {getattr(contract.feed, 'cursor_type', '')} 类型的游标解读 · "
        f"the watermark cannot be read as a cursor of the type {getattr(contract.feed, 'cursor_type', '')}",
        remedy=f"如果改过 feed:，用 `casehub sources rewind {department}` 从头拉取；已落地的不会重复 · "
        f"if feed: was changed, `casehub sources rewind {department}` pulls from the beginning; what has landed is "
        "already known",
        department=department,
    )


def _floor(contract: Contract, since: str | None) -> str | None:
    """`since` as cursor text, to leave older rows out here where the source cannot."""
    feed = contract.feed
    if since is None or not isinstance(feed, CursorFeed):
        return None
    return cursor_text(since, feed.cursor_type, ZoneInfo(contract.timezone))
