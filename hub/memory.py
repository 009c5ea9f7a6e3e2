"""How this process holds memory: the C library's allocator told to keep the threads' share of it together, and to give it back.

By default glibc gives each thread an arena of its own, and what many threads free in pieces stays there unused: a pass over
sixteen departments ends several hundred megabytes larger than what it holds. Fewer arenas hold less; what they hold free in
the middle goes back only when asked for.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Any

import pyarrow as pa

ARENAS = 2
_M_ARENA_MAX = -8  # of malloc.h


def share_arenas() -> None:
    """Let all threads of this process share a few arenas; does nothing where the C library has none."""
    mallopt = _of_libc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return what this process has freed to the system, between two pieces of heavy work; tenths of a second."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    malloc_trim = _of_libc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _of_libc(function: str) -> Any:  # a foreign function, or None
    return getattr(ctypes.CDLL(None), function, None) if sys.platform == "linux" else None  # glibc has them, musl does not
