"""`python -m simulator`: the sixteen systems as a process of their own.

It writes connections.json (mode 0600) into its folder when all of them listen: CASEHUB_CONNECTION_* and `control`. It ends
on SIGTERM, SIGINT, `/shutdown`, or when the process that started it is gone.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
from pathlib import Path

import orjson

from hub.errors import HubError
from hub.settings import get_settings
from simulator.control import Control
from simulator.serve import Systems
from simulator.world import DEFAULT_RECORDS, build_world

LOOK_FOR_PARENT_S = 0.5


def main(arguments: list[str] | None = None) -> int:
    """Run until told to end.

    Returns:
        0; 2 if a setting does not allow it to start.
    """
    parent = os.getppid()
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        return _serve(options, parent)
    except HubError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="Sixteen departments' systems on loopback, from one made-up world."
    )
    parser.add_argument("--records", type=int, default=DEFAULT_RECORDS, help="records over all departments at the first pull")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same world")
    parser.add_argument("--folder", type=Path, default=None, help="for files and databases; CASEHUB_HOME/simulator unless given")
    parser.add_argument("--port", type=int, default=None, help="first port; CASEHUB_SIMULATOR_PORT unless given; 0 takes free ones")
    parser.add_argument("--inbox-url", default=None, help="the hub's API, to which events are pushed")
    return parser


def _serve(options: argparse.Namespace, parent: int) -> int:
    folder = (options.folder or get_settings().home / "simulator").absolute()
    port = get_settings().simulator_port if options.port is None else options.port
    folder.mkdir(parents=True, exist_ok=True)
    connections = folder / "connections.json"
    connections.unlink(missing_ok=True)
    with Systems(build_world(options.records, options.seed), folder, inbox_url=options.inbox_url, ports=port) as systems:
        gc.collect()  # the world itself is gone by now
        control = Control(systems, port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: control.ended.set())
        _write_private(connections, {**systems.environment(), "control": control.url})
        sys.stdout.write(f"{connections}\n")
        sys.stdout.flush()
        while not control.ended.wait(LOOK_FOR_PARENT_S) and os.getppid() == parent:
            pass
        connections.unlink(missing_ok=True)
        control.stop()
    return 0


def _write_private(path: Path, settings: dict[str, str]) -> None:
    """Secrets are for this user alone, and the file is whole from the first moment it is there."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(orjson.dumps(settings, option=orjson.OPT_INDENT_2))
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
