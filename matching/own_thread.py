"""Columns that are read by many patterns, each kind of column in a thread of its own.

The engine keeps 32 patterns compiled for each thread. The name and the address of an organisation alone are read by 60: in one thread
each would drive out another before its turn comes again, and of few rows to compile them is most of the work.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from typing import ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


def in_own_thread(work: Callable[_Given, _Found]) -> Callable[_Given, _Found]:
    """Let a function always run in the same thread, which waits for the next call; whoever calls it waits for its result."""

    @cache
    def thread() -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, work.__name__)

    os.register_at_fork(after_in_child=thread.cache_clear)  # a forked process has no thread but the one that forked it

    @wraps(work)
    def done(*args: _Given.args, **kwargs: _Given.kwargs) -> _Found:
        return thread().submit(work, *args, **kwargs).result()

    return done
