"""Columns that are read by many patterns: each kind in a thread of its own, where its patterns stay compiled."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from types import ModuleType

import polars as pl
import pytest

from matching import addresses, firms, names
from matching.own_thread import in_own_thread

_FORKED = """
import os, signal, threading
from matching.own_thread import in_own_thread

where = in_own_thread(threading.get_native_id)
before = where()
child = os.fork()
if child == 0:
    signal.alarm(20)  # a thread that is not there would be waited for without end
    os._exit(0 if where() not in (before, threading.get_native_id()) else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def _elsewhere(work: Callable[[], object]) -> None:
    caller = threading.Thread(target=work)
    caller.start()
    caller.join()


@pytest.mark.parametrize(
    ("module", "read", "text"),
    [
        pytest.param(firms, firms.organisation_names, "深圳市华盛科技有限公司", id="organisations"),
        pytest.param(names, names.person_names, "张伟", id="persons"),
        pytest.param(addresses, addresses.addresses, "光明街道东周社区", id="addresses"),
    ],
)
def test_whoever_asks_a_column_is_read_in_one_thread(
    module: ModuleType, read: Callable[..., pl.DataFrame], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, fold = set(), module.fold

    def noted(values: pl.Series) -> pl.Series:
        threads.add(threading.get_ident())
        return fold(values)

    monkeypatch.setattr(module, "fold", noted)
    here = read(pl.Series([text]), frozenset())
    _elsewhere(lambda: read(pl.Series([f"{text}1"]), frozenset()))
    assert here.height == 1
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_error_reaches_whoever_called() -> None:
    def refuse(number: int) -> int:
        raise ValueError(number)

    with pytest.raises(ValueError, match="7"):
        in_own_thread(refuse)(7)


def test_a_forked_process_makes_a_thread_of_its_own() -> None:
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", _FORKED], timeout=60, check=False)
    assert ended.returncode == 0
