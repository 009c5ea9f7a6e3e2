"""Modules loaded when they are used, and threads that hand over."""

from __future__ import annotations

import subprocess
import sys

from hub.threads import defer

_DEFERRED = """
import sys
from hub.threads import defer
defer("colorsys")
import colorsys
assert "rgb_to_hsv" not in object.__getattribute__(colorsys, "__dict__"), "loaded before it is used"
assert colorsys.rgb_to_hsv(1, 0, 0) == (0.0, 1.0, 1)
defer("colorsys")
assert colorsys.rgb_to_hsv(1, 0, 0) == (0.0, 1.0, 1)
"""


def test_a_deferred_module_is_loaded_when_it_is_used() -> None:
    subprocess.run([sys.executable, "-c", _DEFERRED], check=True)


def test_a_module_that_is_not_there_is_left_to_who_imports_it() -> None:
    defer("no_such_module_at_all")
    assert "no_such_module_at_all" not in sys.modules


def test_great_expectations_is_imported_without_what_it_does_not_need() -> None:
    code = "import sys; from pipeline import expectations; expectations._great_expectations(); sys.exit('scipy.stats._stats_py' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
