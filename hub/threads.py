"""How threads of this process share the interpreter, and when modules are loaded."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator

HAND_OVER_S = 0.0005


def hand_over_quickly() -> None:
    """Let a thread that comes back from the database or from a frame wait less for one that is at work in Python.

    By default it waits 5 ms, thousands of times in a pass: each small operation on a frame lets the interpreter go.
    """
    sys.setswitchinterval(HAND_OVER_S)


@contextlib.contextmanager
def hidden(package: str) -> Iterator[None]:
    """Let nobody import a package meanwhile: for a library that loads all of an optional one where it finds it."""
    there = sys.modules.get(package)
    sys.modules[package] = None  # type: ignore[assignment] # what the import statement takes for "there is none"
    try:
        yield
    finally:
        if there is None:
            del sys.modules[package]
        else:
            sys.modules[package] = there


def defer(package: str, name: str) -> None:
    """Load a package's module when something of it is first used, for whoever says `from package import name` before that."""
    whole = f"{package}.{name}"
    if whole in sys.modules:
        return
    parent, spec = importlib.import_module(package), importlib.util.find_spec(whole)
    if spec is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[whole] = module
    spec.loader.exec_module(module)
    setattr(parent, name, module)  # or the import statement itself would look into the module, and so load it
