"""What a process gives back, seen from outside it: its resident memory after it freed most of what it held."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HELD_IN_PIECES = """
from pathlib import Path
from hub.memory import give_back, share_arenas

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

share_arenas()
held = [bytes(2_000) for _ in range(100_000)]
held = held[::100]  # one piece in a hundred stays, all over the heap
before = resident()
give_back()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries are not asked")
def test_what_was_freed_in_pieces_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", _HELD_IN_PIECES], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 80
