"""Run in an interpreter of its own: loads modules once, then runs each script that it is given in a fork of itself.

Enters a line of JSON a script: its text, its environment, and the files for what it says; leaves a line with its exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any, NoReturn

DONE = "done "


def main(modules: list[str]) -> None:
    """Run what is asked for on standard input until that ends."""
    for name in modules:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{DONE}{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run(order: dict[str, Any]) -> NoReturn:
    """End as an interpreter of the script's own would."""
    for path, number in ((order["out"], 1), (order["err"], 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.environ.clear()
    os.environ.update(order["environment"])
    code = 1
    try:
        exec(order["script"], {"__name__": "__main__"})  # noqa: S102 - of the tests themselves
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
