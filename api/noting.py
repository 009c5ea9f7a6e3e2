"""What an answer shows, said to a request's trace, as far as the audit log has columns for it."""

from __future__ import annotations

import dataclasses
from typing import Any

from api.state import Trace


def note(trace: Trace, **more: Any) -> None:
    """Say more of a request: receiver, shape, results, entity_ids, person_ids."""
    for name, value in _known(trace, more).items():
        setattr(trace, name, value)


def noted(trace: Trace, **more: Any) -> Trace:
    """A copy of a trace that says more."""
    return dataclasses.replace(trace, **_known(trace, more))


def _known(trace: Trace, more: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(trace)}
    return {name: value for name, value in more.items() if name in names}
