"""What a result was made of: kept beside it without a value, so that who fetches it later is told nothing that is no more for him.

A result is a file, and goes on naming cases after their records were sealed or a grant ended. So of each named case the records are kept
by which the caller knew of it, and the policies by which he read: as the row of ordinal 0 among the job's rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from api.access import Caller, Rights
from api.policy.store import policy_version
from api.queries.lookups import known_of
from api.state import Hub
from hub.errors import HubError, RequestError

ORDINAL = 0
_AT_ONCE = 5_000  # records asked about in one statement


@dataclass(frozen=True)
class Told:
    """The cases that a result names, and by what."""

    policies: frozenset[int]  # versions
    case_ids: list[uuid.UUID]
    readable: frozenset[int]  # records of them that the caller could read
    acknowledged: frozenset[int]  # and those that he was to ask for
    has_purpose: bool  # without one his own department's titles were masked

    def as_json(self) -> dict[str, Any]:
        """For the store."""
        records = {"readable": sorted(self.readable), "acknowledged": sorted(self.acknowledged)}
        return {"policies": sorted(self.policies), "case_ids": list(map(str, self.case_ids)), "has_purpose": self.has_purpose, **records}


def told_by(answers: Iterable[Mapping[str, Any]], *, has_purpose: bool) -> Told:
    """What the answers of a job's rows tell, as they are stored."""
    policies, cases, readable, acknowledged = set(), dict[str, None](), set(), set()
    for answer in answers:
        policies.add(answer.get("policy", -1))  # none is -1: by an earlier version of the hub
        cases.update(dict.fromkeys(item["case_id"] for item in answer["items"]))
        readable.update(answer.get("readable", ()))
        acknowledged.update(answer.get("acknowledged", ()))
    return Told(frozenset(policies), list(map(uuid.UUID, cases)), frozenset(readable), frozenset(acknowledged), has_purpose)


def told_from(kept: Mapping[str, Any]) -> Told:
    """The same from the store."""
    readable, acknowledged = frozenset(kept["readable"]), frozenset(kept["acknowledged"])
    return Told(frozenset(kept["policies"]), list(map(uuid.UUID, kept["case_ids"])), readable, acknowledged, kept["has_purpose"])


def require_still_told(hub: Hub, caller: Caller, told: Told | None) -> Told:
    """Refuse a result that tells of what its caller may know no more.

    Args:
        hub: the running hub.
        caller: who fetches it.
        told: what it was made of; None: an earlier version of the hub made it, and did not say.

    Raises:
        RequestError: a named case's record was closed to him since, his rights are others, or he gives no purpose for a result that was
            made for one.
    """
    if told is not None and told.has_purpose and caller.purpose is None:
        raise RequestError(
            "此结果按查看目的生成，下载时须注明 · the result was made for a purpose, and is given out for one",
            remedy="附上 X-Purpose 与 X-Case-Reference · send X-Purpose and X-Case-Reference",
        )
    if told is None or not _reads_as_then(hub, caller, told.policies) or not _knows(hub, caller, told):
        raise RequestError(
            "结果生成后，其中案件的可见范围或本人权限已变 · "
            "what you may see of its cases, or your rights, changed after the result was made",
            remedy="重新提交文件查询 · hand the file in again",
            problem="conflict",
        )
    return told


def _reads_as_then(hub: Hub, caller: Caller, versions: Iterable[int]) -> bool:
    try:
        return all(
            version == caller.rights.version
            or _reading(policy_version(hub.engine, version).rights(caller.department, caller.role)) == _reading(caller.rights)
            for version in versions
        )
    except HubError as error:
        if error.retryable:
            raise
        return False


def _reading(rights: Rights) -> tuple[object, ...]:
    return rights.departments, rights.streets, rights.communities, rights.own, rights.others, rights.masks


def _knows(hub: Hub, caller: Caller, told: Told) -> bool:
    wanted = sorted(told.readable | told.acknowledged)
    with hub.read(caller) as connection:
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            known = known_of(connection, part, caller.department)
            if any(record_id not in known or (record_id in told.readable and not known[record_id]) for record_id in part):
                return False
    return True
