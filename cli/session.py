"""What every command opens first: the store, migrated, and the contracts it is about."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator

from sqlalchemy import Engine

from cli.acting import acting
from connectors.contract import Contract, contract_folders, load_contracts
from hub.database import opened, require_schema
from hub.encryption import key_ring
from hub.encryption.store_keys import require_keys
from hub.errors import NotFound
from hub.settings import Settings, get_settings


@contextlib.contextmanager
def store(*, needs_schema: bool = True, needs_keys: bool = True) -> Iterator[Engine]:
    """The store's engine for the time of one command, which is written down in the audit log.

    Args:
        needs_schema: False for what makes the schema: there may be no audit log yet.
        needs_keys: False for what brings the store under its keys, or says what is under which.

    Raises:
        SchemaError: the schema is not this version's.
        SettingsError: the keys are not those that the store is encrypted with.
        StoreUnavailable: the server cannot be reached.
    """
    with opened(get_settings()) as engine:
        if not needs_schema:
            yield engine
            return
        require_schema(engine)
        if needs_keys:
            require_keys(engine, key_ring())
        with acting(engine):
            yield engine


def active_contracts(settings: Settings, names: list[str] | None = None) -> list[Contract]:
    """The contracts of the named departments, or of all that are active.

    Raises:
        ContractError: a contract has a mistake.
        NotFound: no such department; suggests the nearest.
    """
    contracts = load_contracts(contract_folders(settings.contract_folders))
    if names:
        return [_named(contracts, name) for name in names]
    active = settings.active_departments
    for name in active:
        _named(contracts, name)
    return [contract for name, contract in contracts.items() if not active or name in active]


def _named(contracts: dict[str, Contract], name: str) -> Contract:
    if name not in contracts:
        close = difflib.get_close_matches(name, contracts, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise NotFound(f"no contract for department {name}", remedy=f"{hint}`casehub sources list` shows them all")
    return contracts[name]
