"""Every error of the hub, in one tree.

    HubError
    ├── SettingsError            a setting is missing, malformed, a placeholder, or its port is taken
    ├── ContractError            a contract, code list or model file says what cannot be done
    ├── SourceError              a department's system did not give what its contract promises
    │   ├── SourceUnavailable    down, slow, 5xx, throttled, a sweep cut short        (retryable)
    │   ├── SourceRefused        credentials or request refused: 401, 403, 404
    │   ├── SourceFormatError    the answer cannot be read: HTML for JSON, truncated zip, moved header
    │   ├── SourceLimitError     an answer or page above its limit, or a page that repeats for ever
    │   └── SnapshotError        a snapshot incomplete, or with too many rows gone
    ├── BatchHeld                an expectation says halt, or too much of a batch fails
    ├── ConservationError        a row was lost or doubled: the run fails
    ├── BusyError                another run holds this department or resolve           (retryable)
    ├── StoreError               the database refused a statement: told by SQLSTATE alone, its message may hold values
    │   ├── StoreConflict        two transactions waited for each other, and this one gave way   (retryable)
    │   └── StoreUnavailable     the database went away                                 (retryable)
    ├── DecryptionError          a stored value does not decrypt: its key is missing or another, or it was changed
    │   └── KeyMissing           the store is under a key that came since this process started, and it cannot be had
    ├── EngineError              the engine asked for is not installed, does not start, or broke off
    ├── SchemaError              the database's schema is not this version's
    ├── NotFound                 no such department, record, case, quarantine item
    ├── AccessDenied             the caller may not
    ├── TooManyRequests          too many refusals or calls from one place              (retryable)
    ├── IssuerUnavailable        the issuer of tokens cannot be reached                 (retryable)
    ├── RequestError             what was asked cannot be read
    └── TooBusy                  too many ask the same at once                          (retryable)

A message names the source, the row, the rule and the remedy, and never a value of a record. `detail` carries the same
as keys for machines.
"""

from __future__ import annotations


class HubError(Exception):
    """Root of the tree.

    Args:
        message: what happened, free of personal data.
        remedy: what to do next, as an imperative.
        detail: ids and counts for machines: department, batch_id, rule, field, line …
    """

    retryable = False

    def __init__(self, message: str, *, remedy: str = "", **detail: object) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message} → {self.remedy}" if self.remedy else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle whole: Airflow and process pools send errors across processes."""
        return (_rebuild, (type(self), self.message, self.remedy, self.detail))


def _rebuild(cls: type[HubError], message: str, remedy: str, detail: dict[str, object]) -> HubError:
    return cls(message, remedy=remedy, **detail)


class SettingsError(HubError):
    """A setting is missing, malformed, a placeholder, or names a port that is taken or a database that lacks what is needed."""


class ContractError(HubError):
    """A contract, code list or model file says what cannot be done; `detail` has file, line, allowed."""


class SourceError(HubError):
    """A department's system did not give what its contract promises."""


class SourceUnavailable(SourceError):
    """Down, slow, throttled or 5xx after the transport's own retries; or a sweep that ended before the source's own total."""

    retryable = True


class SourceRefused(SourceError):
    """The source refused the credentials or the request."""


class SourceFormatError(SourceError):
    """The answer cannot be read as the contract says."""


class SourceLimitError(SourceError):
    """An answer or page above its limit, or a page that repeats for ever."""


class SnapshotError(SourceError):
    """A snapshot is incomplete, or more of it vanished than the contract allows."""


class BatchHeld(HubError):
    """The batch landed and is held; a person releases or discards it."""


class ConservationError(HubError):
    """pulled ≠ landed + already known, or a landed version is in no state."""


class BusyError(HubError):
    """Another run holds the lock."""

    retryable = True


class StoreError(HubError):
    """The database refused a statement; the message has its SQLSTATE and names, no values."""


class StoreConflict(StoreError):
    """Two transactions waited for each other: the database ended this one, and let the other through."""

    retryable = True


class StoreUnavailable(StoreError):
    """The database cannot be reached or went away."""

    retryable = True


class SchemaError(HubError):
    """The database's schema is missing or of another version."""


class DecryptionError(HubError):
    """A stored value does not decrypt: its key is missing or another, or it was changed."""


class KeyMissing(DecryptionError):
    """The store is under a key that this process does not have: it came after its start, and cannot be had."""


class EngineError(HubError):
    """The engine that was asked for is not installed, does not start, or broke off."""


class NotFound(HubError):
    """No such thing, or none that the caller may know of."""


class AccessDenied(HubError):
    """No valid credentials, or not allowed with them."""


class TooManyRequests(HubError):
    """Too many refusals from one address, or calls of one caller; `detail` has `retry_after_s`."""

    retryable = True


class IssuerUnavailable(HubError):
    """The OpenID Connect issuer cannot be reached or answers what cannot be used, so that its tokens cannot be checked."""

    retryable = True


class RequestError(HubError):
    """What was asked cannot be read."""


class TooBusy(HubError):
    """Too many ask the same at once; nothing was done."""

    retryable = True
