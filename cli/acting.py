"""Each command that opens the store is written down: that it begins, what it shows before it shows it, and how it ended.

The caller is `cli:` and the user of the operating system, by the process's own id: an environment variable could say anybody.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import uuid
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer
from sqlalchemy import Engine
from typer._click.globals import get_current_context  # Typer has Click inside itself, and tells the running command no other way

from api.audit import write_audit
from api.audit.sealing import seal_all
from api.trace import Trace
from hub.errors import HubError
from hub.settings import get_settings

DONE, FAILED, BEGUN = 0, 1, None
_NOBODY_SIGNED_IN = 2**32 - 1

_log = logging.getLogger("cli")


@dataclass(frozen=True)
class Act:
    """A command at work on a store."""

    engine: Engine
    trace: Trace
    action: str

    def write(self, outcome: int | None, **known: Any) -> None:
        """Commit a row of this command.

        Args:
            outcome: `BEGUN`, `DONE` or `FAILED`.
            known: fields of the trace that this row alone has.

        Raises:
            StoreUnavailable: it could not be written.
        """
        write_audit(self.engine, replace(self.trace, **known), self.action, outcome)


_current: ContextVar[Act | None] = ContextVar("act", default=None)


def os_user() -> str:
    """Who runs this process, as the operating system says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def os_account(login: Path = Path("/proc/self/loginuid")) -> str:
    """Who signed in at this machine, as the kernel kept it through every sudo; who runs the process where it kept nobody.

    Args:
        login: where the kernel tells it.
    """
    try:
        uid = int(login.read_text(encoding="ascii"))
        return os_user() if uid == _NOBODY_SIGNED_IN else pwd.getpwuid(uid).pw_name
    except (OSError, ValueError):
        return os_user()
    except KeyError:
        return str(uid)


@contextlib.contextmanager
def acting(engine: Engine) -> Iterator[Act]:
    """Write the running command down on this store: at once, and how it ended; then chain what it wrote.

    Raises:
        StoreUnavailable: it cannot be written down, and so must not be done.
    """
    action, options = _command()
    act = Act(engine, Trace(uuid.uuid4().hex, caller=f"cli:{os_user()}", shape={"options": options} if options else {}), action)
    act.write(BEGUN)
    token = _current.set(act)
    try:
        yield act
    except BaseException as error:
        is_done = isinstance(error, typer.Exit) and error.exit_code == 0
        with contextlib.suppress(HubError):  # the first error is the one to tell
            act.write(DONE if is_done else FAILED)
        raise
    else:
        act.write(DONE)
    finally:
        _current.reset(token)
        _chain(engine)


def showing(
    *,
    cases: Iterable[uuid.UUID] = (),
    persons: Iterable[uuid.UUID] = (),
    records: Iterable[int] = (),
    parties: Iterable[int] = (),
    results: int | None = None,
    receiver: str | None = None,
) -> None:
    """Write down what the running command is about to show; call it before anything is printed or written to a file.

    Args:
        cases: ids.
        persons: ids.
        records: record_ids.
        parties: party_ids; their records are written down.
        results: how many.
        receiver: who gets it, of what leaves the hub.

    Raises:
        StoreUnavailable: it could not be written down, and so must not be shown.
    """
    act = _current.get()
    if act is None:
        raise RuntimeError("no store is open: nothing can be shown of it")
    ids = list(records)
    of_parties = list(parties)
    if of_parties:
        from api.audit.notes import records_of_parties

        with act.engine.connect() as connection:
            ids += records_of_parties(connection, of_parties)
    act.write(DONE, entity_ids=list(cases), person_ids=list(persons), record_ids=ids, results=results, receiver=receiver)


def looking_for(purpose: str, case_reference: str) -> None:
    """Have whatever the running command writes down from now on say what for it looks, and for which case."""
    act = _current.get()
    if act is None:
        raise RuntimeError("no store is open: nothing can be shown of it")
    act.trace.purpose, act.trace.case_reference = purpose, case_reference


def showing_nodes(relation: str, nodes: Iterable[int]) -> None:
    """The same of nodes of a relation: records of the relation case, parties of the others."""
    if relation == "case":
        showing(records=nodes)
    else:
        showing(parties=nodes)


def _command() -> tuple[str, list[str]]:
    """The running command as `review.show`, and the names of the options that were given to it."""
    context = get_current_context(silent=True)
    if context is None:
        return "script", []
    given = [name for name in context.params if str(getattr(context.get_parameter_source(name), "name", "")) == "COMMANDLINE"]
    words: list[str] = []
    found: Any = context
    while found is not None and found.parent is not None:
        words.insert(0, str(found.info_name))
        found = found.parent
    return ".".join(words) or str(context.info_name), sorted(given)


def _chain(engine: Engine) -> None:
    """A command may be all that ever runs here: nobody else would chain its rows. What goes wrong is told, and left to the next."""
    try:
        seal_all(engine, get_settings().audit_head_file)
    except HubError as error:
        _log.warning("the audit log was not sealed: %s", error)
