"""What the API says of a department: its names, its desk, and how its feed is meant to run; all from its contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from connectors.connector import InboxConnector
from connectors.contract import Contract
from connectors.contract_files import contract_folders, load_contracts
from hub.settings import Settings


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


class Directory:
    """Departments by code."""

    def __init__(self, departments: Mapping[str, Department]) -> None:
        self._departments = dict(departments)

    def __iter__(self) -> Iterator[str]:
        return iter(self._departments)

    def get(self, code: str) -> Department:
        """A department, or its bare code where no contract tells more."""
        return self._departments.get(code) or Department(code, code, code)


def directory_of(contracts: Iterable[Contract]) -> Directory:
    """The directory that these contracts make."""
    return Directory({contract.department: _department(contract) for contract in contracts})


def load_directory(settings: Settings) -> Directory:
    """The directory of every contract that the settings name.

    Raises:
        ContractError: a contract has a mistake.
    """
    return directory_of(load_contracts(contract_folders(settings.contract_folders)).values())


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
