"""Waits for what takes a moment to reach a running API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 30.0  # of what takes a fraction of a second, unless the machine is slow


def wait_for(ask: Callable[[], Any], wanted: Any) -> bool:
    """Whether this is answered in the end; asked again and again."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := ask()) != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    return found == wanted
