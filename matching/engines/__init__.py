"""ENGINES: a whole relation linked at once, on this machine or on Spark: the same functions, the same edges."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from hub.errors import RequestError
from matching.engines.job import Job

ENGINES = ("local", "spark")


class Engine(Protocol):
    """What links a whole relation."""

    def edges(self, job: Job) -> pa.Table:
        """DECISIVE of all pairs that a blocking rule brings together and that link or are forbidden to.

        The job's forms have been made when it returns.
        """


@contextlib.contextmanager
def opened(name: str, folder: Path) -> Iterator[Engine]:
    """An engine for as long as this lasts.

    Args:
        name: one of ENGINES.
        folder: for its own files; it may hold personal data, and whoever gives it takes it away.

    Raises:
        RequestError: there is no such engine.
        EngineError: what the engine needs is not installed, or it does not start.
    """
    if name == "spark":
        from matching.engines import spark

        with spark.running(folder) as engine:
            yield engine
    elif name == "local":
        from matching.engines.local import Local

        yield Local()
    else:
        raise RequestError(f"没有引擎 {name} · there is no engine {name}", remedy=f"可用值 · name one of: {', '.join(ENGINES)}")
