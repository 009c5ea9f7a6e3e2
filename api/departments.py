"""What the API says of a department: its names, its desk, and how its feed is meant to run; all from its contract."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Lock

from connectors.connector import InboxConnector
from connectors.contract import Contract
from connectors.contract_files import broken_departments, contract_folders, read_contracts, yaml_files
from connectors.document import raise_problems
from hub.settings import Settings

logger = logging.getLogger(__name__)

LOOK_S = 2.0


@dataclass(frozen=True)
class Department:
    """One department as callers know it; of a department whose contract was taken away, the code is all there is."""

    code: str
    zh: str
    en: str
    desk: str | None = None
    contact: str | None = None
    contract_version: int | None = None
    mode: str | None = None
    schedule: str | None = None
    freshness: timedelta | None = None
    inbox: InboxConnector | None = None
    is_broken: bool = False  # its contract has a mistake, and nobody knows what it said before


class Directory(Collection[str]):
    """Departments by code.

    Args:
        departments: as they are.
        renew: asked every `LOOK_S` seconds at most; all of them anew where something changed, else None.
    """

    def __init__(self, departments: Mapping[str, Department], renew: Callable[[], Mapping[str, Department] | None] = lambda: None) -> None:
        self._departments, self._renew = dict(departments), renew
        self._looking, self._looked_at = Lock(), time.monotonic()

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def __contains__(self, code: object) -> bool:
        return code in self._now()

    def get(self, code: str) -> Department:
        """A department, or its bare code where no contract tells more."""
        return self._now().get(code) or Department(code, code, code)

    def _now(self) -> Mapping[str, Department]:
        """The departments; who asks first after a while looks, and the others do not wait for it."""
        if time.monotonic() - self._looked_at >= LOOK_S and self._looking.acquire(blocking=False):
            try:
                found = self._renew()
                if found is not None:
                    self._departments = dict(found)
            finally:
                self._looked_at = time.monotonic()
                self._looking.release()
        return self._departments


def directory_of(contracts: Iterable[Contract]) -> Directory:
    """The directory that these contracts make."""
    return Directory({contract.department: _department(contract) for contract in contracts})


def load_directory(settings: Settings) -> Directory:
    """The directory of every contract that the settings name, which follows them as they change.

    Raises:
        ContractError: there is no such folder of contracts.
    """
    files = _Files(contract_folders(settings.contract_folders))
    return Directory(files.read(), files.changed)


class _Files:
    """Contracts in their folders. One with a mistake is told in the log, and what it said before holds on: it must stop no other."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._held: dict[str, Department] = {}

    def read(self) -> Mapping[str, Department]:
        """All of them."""
        self._stamps = self._stamped()  # before they are read: what changes meanwhile is read again
        contracts, problems = read_contracts(self._folders)
        no_folders = [problem for problem in problems if problem.file in self._folders]
        if no_folders and not self._held:
            raise_problems(no_folders)
        found = dict(self._held) if no_folders else {}  # one that is away for a while takes no department with it
        found |= {name: _department(contract) for name, contract in contracts.items()}
        for name, mistakes in broken_departments(problem for problem in problems if problem not in no_folders).items():
            logger.error("%s: %d mistakes in its contract; `casehub sources check` tells them", name, len(mistakes))
            if name not in found:
                found[name] = self._held.get(name, Department(name, name, name, is_broken=True))
        self._held = found
        return found

    def changed(self) -> Mapping[str, Department] | None:
        """All of them where some file has changed; None where none has."""
        return None if self._stamped() == self._stamps else self.read()

    def _stamped(self) -> dict[Path, tuple[int, int]]:
        stamps: dict[Path, tuple[int, int]] = {}
        for folder in self._folders:
            try:
                stamps |= {path: (told.st_mtime_ns, told.st_size) for path in yaml_files(folder) for told in (path.stat(),)}
            except OSError:  # it is away, which is another state than empty; or a file of it has just gone
                stamps[folder] = (0, 0)
        return stamps


def _department(contract: Contract) -> Department:
    return Department(
        code=contract.department,
        zh=contract.title.zh,
        en=contract.title.en,
        desk=contract.owner.desk,
        contact=contract.owner.contact or None,
        contract_version=contract.version,
        mode=contract.feed.mode,
        schedule=contract.schedule,
        freshness=contract.freshness,
        inbox=contract.connector if isinstance(contract.connector, InboxConnector) else None,
    )
