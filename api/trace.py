"""What one request or command leaves for its audit row and log line."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from api.access import Caller
from api.once import Once

if TYPE_CHECKING:
    from api.authentication.limits import Quota


@dataclass
class Trace:
    """What is known of a request when it ends."""

    request_id: str
    caller: str = "anonymous"
    department: str | None = None
    purpose: str | None = None
    case_reference: str | None = None
    shape: dict[str, Any] = field(default_factory=dict)  # names of filters, includes, kinds of entry: never what they were set to
    entity_ids: list[uuid.UUID] = field(default_factory=list)  # cases that are shown, or were asked for
    person_ids: list[uuid.UUID] = field(default_factory=list)  # persons that are shown, or were asked for
    record_ids: list[int] = field(default_factory=list)  # records that are shown one by one
    results: int | None = None
    receiver: str | None = None  # of what leaves the hub
    quota: Quota | None = None  # of the caller: for the answer's headers, in no row
    submit: Callable[[dict[str, Any]], Future[None]] | None = (
        None  # hands a row over to be committed; None where calls are not written down
    )
    ahead: Future[None] | None = None  # the row, committed while the answer is being made
    within: int | None = None  # the outcome of a row that was written in the transaction of what the call changed
    once: Once | None = None  # what the call makes, where it bears an Idempotency-Key
    leave: Callable[[], None] | None = None  # gives back the caller's place among those that are answered

    def name(self, caller: Caller) -> None:
        """Say who asks."""
        self.caller, self.department = caller.name, caller.department
