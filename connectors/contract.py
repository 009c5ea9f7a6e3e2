"""CONTRACT: what a department's feed is, read from YAML alone; safe where Airflow parses its DAG files.

Enters: the plain values of a YAML file. Leaves: a frozen `Contract`, or every mistake in it. Nothing here opens a file or a
connection, reads a row or evaluates anything a contract says.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictBool, StrictStr, model_validator

from connectors.connector import Connector, FileConnector, RestConnector
from connectors.feed import CursorFeed, Drift, EventsFeed, Expectation, Feed, SnapshotFeed, Visibility, Volume
from connectors.mapping import Mapping, Party, Reference
from connectors.model import Duration, Name, Positive, Strict, Text, cron_line, refuse, unique, zone_name
from connectors.paths import head, top_level_names
from connectors.words import RecordField

_WITH_TRAILER = ("csv", "jsonl", "fixed_width")  # formats whose last line may be none of the rows


class Title(Strict):
    """The department's name."""

    zh: Text
    en: Text


class Owner(Strict):
    """Whom to ask about the feed."""

    desk: Text
    contact: StrictStr = ""


class Contract(Strict):
    """All there is to know of a department's feed."""

    department: Name = Field(description="The department's code: in every table, in the API, in the name of its DAG.")
    title: Title = Field(description="The department's name in both languages.")
    owner: Owner = Field(description="Whom to ask about the feed.")
    version: Positive = Field(description="Number of this edition of the contract; raised with each change.")
    legal_basis: Text = Field(description="By which law or agreement the department may share its cases.")
    visibility: Visibility = Field(Visibility(), description="Who may see a record: by default, and by the value of a column.")
    connector: Connector = Field(description="How the system is reached, and by which connection.")
    feed: Feed = Field(description="How its rows come: after a cursor, all each time, or as events that it pushes.")
    key: Annotated[tuple[Text, ...], AfterValidator(unique), Field(min_length=1)] = Field(description="Source columns that name a record.")
    timezone: Annotated[Text, AfterValidator(zone_name)] = Field(
        "Asia/Shanghai", description="Zone of the source's times that bear no offset, and of the schedule."
    )
    schedule: Annotated[Text, AfterValidator(cron_line)] | None = Field(None, description="Cron line; none: run by hand alone.")
    freshness: Duration | None = Field(None, description="How long the feed may go without a success before it is late.")
    volume: Volume = Field(Volume(), description="How many rows are healthy.")
    drift: Drift = Field(Drift(), description="What happens when the source's columns change.")
    unique_within: StrictBool = Field(False, description="The source promises that it holds no case twice.")
    record: Annotated[dict[RecordField, Mapping], Field(min_length=1)] = Field(
        description="The hub's field on the left; the source's column and a transform or code list on the right."
    )
    parties: tuple[Party, ...] = Field((), description="Persons and organisations that a record mentions.")
    references: tuple[Reference, ...] = Field((), description="Numbers of other departments' cases that a record cites.")
    ignore: Annotated[tuple[Text, ...], AfterValidator(unique)] = Field((), description="Columns that are known and not taken.")
    volatile: Annotated[tuple[Text, ...], AfterValidator(unique)] = Field(
        (), description="Columns that change at every export and mean nothing; they make no new version."
    )
    expectations: tuple[Expectation, ...] = Field((), description="What must be true of its columns, and what becomes of what is not.")

    @model_validator(mode="before")
    @classmethod
    def _sql_is_ordered(cls, data: Any) -> Any:
        """The sql transport sorts by the cursor itself, whatever the source does."""
        feed, connector = (data.get("feed"), data.get("connector")) if isinstance(data, dict) else (None, None)
        if isinstance(feed, dict) and isinstance(connector, dict) and connector.get("kind") == "sql" and feed.get("mode") == "cursor":
            return {**data, "feed": {**feed, "ordered": feed.get("ordered", True)}}
        return data

    @model_validator(mode="after")
    def _parts_agree(self) -> Contract:
        if (self.connector.kind == "inbox") != (self.feed.mode == "events"):
            raise refuse(
                "kind: inbox 与 mode: events 须同时使用 · kind: inbox and mode: events belong together",
                remedy="推送的事件都经收件箱，收件箱也只收事件 · pushed events come through the inbox, and only they",
                at=("feed", "mode"),
            )
        if isinstance(self.connector, RestConnector) and self.connector.since_param and self.feed.mode != "cursor":
            raise refuse(
                "须为 mode: cursor · needs mode: cursor",
                remedy="去掉它，或写 feed: {mode: cursor, field: …} · remove it, or say feed: {mode: cursor, field: …}",
                at=("connector", "since_param"),
            )
        _refuse_trailer(self.connector, self.feed)
        both = sorted(set(self.ignore) & self.mapped_columns())
        if both:
            raise refuse(
                f"{'、'.join(both)} 同时又被映射 · {', '.join(both)} is mapped as well",
                remedy="从 ignore 中去掉 · remove it from ignore",
                at=("ignore",),
            )
        return self

    @property
    def content_version(self) -> str:
        """16 hex digits that change whenever the contract says something else; comments and order of keys do not matter."""
        content = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]

    def mappings(self) -> Iterator[tuple[str, Mapping]]:
        """Every mapping with its place: record.amount, parties[0].name."""
        for field, mapping in self.record.items():
            yield f"record.{field}", mapping
        for index, party in enumerate(self.parties):
            for name, mapping in party.fields.items():
                yield f"parties[{index}].{name}", mapping

    def mapped_columns(self) -> frozenset[str]:
        """Top-level source columns that some canonical field, party or reference is made of."""
        names: set[str] = set()
        for mapping in self.record.values():
            names |= mapping.columns()
        for party in self.parties:
            names |= party.columns()
        for reference in self.references:
            names |= {reference.from_} if reference.from_ else top_level_names(reference.path or "@")
        return frozenset(names)

    def required_columns(self) -> frozenset[str]:
        """Top-level source columns whose absence is drift: mapped ones, the key, the cursor, and what conditions look at."""
        names = set(self.mapped_columns()) | {head(name) for name in self.key}
        if isinstance(self.feed, CursorFeed):
            names.add(head(self.feed.field))
        if isinstance(self.feed, EventsFeed) and self.feed.order is not None:
            names |= top_level_names(self.feed.order)
        deleted = self.feed.deleted
        if deleted is not None:
            names |= {head(deleted.field)} if deleted.field else top_level_names(deleted.path or "@")
        for condition in (self.visibility.sealed_when, self.visibility.restricted_when):
            names |= {head(condition.field)} if condition else set()
        return frozenset(names)

    def missing_columns(self, seen: Collection[str]) -> list[str]:
        """Required columns that are not among those seen; a name with a dot is a nested value's, or a column's that has it ("No.")."""
        whole = {head(name) for name in self._dotted_names() if name in seen}
        return sorted(self.required_columns() - {*seen} - whole)

    def source_columns(self) -> frozenset[str]:
        """Every top-level source column the contract knows, taken or not: any other is drift (new_column)."""
        tested = {head(name) for expectation in self.expectations for name in expectation.columns}
        whole = self._dotted_names() if self._is_tabular else frozenset()
        return self.required_columns() | {*self.ignore, *self.volatile, *map(head, self.volatile)} | tested | whole

    @property
    def _is_tabular(self) -> bool:
        """Whether its rows are cells under names, none of them an object."""
        connector = self.connector
        return connector.kind == "sql" or (isinstance(connector, FileConnector) and connector.format in ("csv", "xlsx", "fixed_width"))

    def _dotted_names(self) -> frozenset[str]:
        """Names with a dot, where a value within an object may be meant."""
        conditions = [self.visibility.sealed_when, self.visibility.restricted_when, *(party.when for party in self.parties)]
        named = [*self.key, *(condition.field for condition in conditions if condition)]
        named += [self.feed.field] if isinstance(self.feed, CursorFeed) else []
        named += [self.feed.deleted.field] if self.feed.deleted and self.feed.deleted.field else []
        named += [name for expectation in self.expectations for name in expectation.columns]
        return frozenset(name for name in named if "." in name)

    def code_lists(self) -> frozenset[str]:
        """Names of the code lists it uses."""
        return frozenset(mapping.codes for _, mapping in self.mappings() if mapping.codes)


def _refuse_trailer(connector: Connector, feed: Feed) -> None:
    """A trailer that nothing looks for would let every cut-off file pass for whole."""
    complete = feed.complete if isinstance(feed, SnapshotFeed) else None
    if complete is None or complete.trailer_count is False:
        return
    at = ("feed", "complete", "trailer_count")
    if not isinstance(connector, FileConnector) or connector.format not in _WITH_TRAILER:
        raise refuse(f"仅适用于按行存放的文件 · is for files of lines: {', '.join(_WITH_TRAILER)}", remedy="去掉它 · remove it", at=at)
    of_width = connector.fixed_width.trailer if connector.fixed_width else None
    if complete.trailer_count is True and (of_width is None or not re.compile(of_width).groups):
        remedy = (
            "在此写末行的正则表达式，第一个分组为行数：'^total:(\\d+)' · "
            "write the last line's regular expression here, its first group the number of rows: '^total:(\\d+)'"
        )
        raise refuse(
            "true 从 fixed_width.trailer 取行数，而它没有分组 · true takes the number from fixed_width.trailer, which has no group",
            remedy=remedy,
            at=at,
        )
