"""What a caller may see of older versions: today's rights, and no more than every version since then allows.

Enter versions of records, leave verdicts. A record that was sealed since is sealed in all that is told of it, however long
ago: who could read it then may have it in a file, but reads it here no more. A tombstone says nothing of who may read what
went before it. Where a later version is not there for this caller, it is one that hides the record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from api.access import Clearance
from api.presenter import Presenter

_STRICTEST = list(Clearance)  # from clear to hidden


def clearance_since(presenter: Presenter, then: Iterable[Mapping[str, Any]], versions: Iterable[Mapping[str, Any]]) -> dict[int, Clearance]:
    """Record id → what the caller may see of the version that was known then.

    Args:
        presenter: of the caller.
        then: the version of each record that is asked about.
        versions: all versions of these records that the caller's connection can see.
    """
    later: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in versions:
        later[row["record_id"]].append(row)
    return {row["record_id"]: _since(presenter, row, later[row["record_id"]]) for row in then}


def _since(presenter: Presenter, then: Mapping[str, Any], versions: Iterable[Mapping[str, Any]]) -> Clearance:
    after = [row for row in versions if row["version"] > then["version"]]
    began = {row["known_from"] for row in after}
    if any(row["known_to"] is not None and row["known_to"] not in began for row in (then, *after)):
        return Clearance.HIDDEN
    told = [presenter.clearance(row) for row in (then, *after) if not row.get("is_deleted")]
    return max(told, key=_STRICTEST.index, default=Clearance.HIDDEN)


def version_at(versions: Iterable[Mapping[str, Any]], number: int) -> Mapping[str, Any] | None:
    """The version, among those of one record, that was known after a change."""
    known = (row for row in versions if row["known_from"] is not None and row["known_from"] <= number)
    return next((row for row in known if row["known_to"] is None or row["known_to"] > number), None)
