"""Modules loaded when they are used, and threads that hand over."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from hub.threads import defer, hidden

_DEFERRED = """
import sys
from hub.threads import defer
defer("email", "utils")
from email import utils
assert "parseaddr" not in object.__getattribute__(utils, "__dict__"), "loaded before it is used"
assert utils.parseaddr("a <b@c.org>") == ("a", "b@c.org")
defer("email", "utils")
assert utils.parseaddr("a <b@c.org>") == ("a", "b@c.org")
"""
_LOADED = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pipeline.validating.great_expectations_run import great_expectations
with ThreadPoolExecutor(4) as pool:  # as departments are validated beside each other
    assert len({id(found) for found in pool.map(lambda _: great_expectations(), range(4))}) == 1
sys.exit(bool({"scipy.stats._stats_py", "pyspark", "boto3"} & sys.modules.keys()))
"""


def test_a_deferred_module_is_loaded_when_it_is_used() -> None:
    subprocess.run([sys.executable, "-c", _DEFERRED], check=True)


def test_a_module_that_is_not_there_is_left_to_who_imports_it() -> None:
    defer("email", "no_such_module")
    assert "email.no_such_module" not in sys.modules


def test_great_expectations_is_imported_without_what_it_does_not_need() -> None:
    subprocess.run([sys.executable, "-c", _LOADED], check=True)


def test_a_hidden_package_cannot_be_imported_and_is_there_again_afterwards() -> None:
    import colorsys

    with hidden("colorsys"), pytest.raises(ImportError):
        importlib.import_module("colorsys")
    assert sys.modules["colorsys"] is colorsys
    with hidden("no_such_module"):
        pass
    assert "no_such_module" not in sys.modules
