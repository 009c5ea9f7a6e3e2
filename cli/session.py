"""What every command opens first: the store, migrated, and the contracts it is about."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Collection, Iterable, Iterator

from sqlalchemy import Engine

from cli.acting import acting
from connectors.contract import Contract
from connectors.contract_files import broken_departments, contract_folders, load_contracts, read_contracts
from connectors.document import Problem, raise_problems
from hub.database import opened, store_errors
from hub.encryption import key_ring
from hub.encryption.store_keys import require_keys
from hub.errors import NotFound
from hub.migrations import require_schema
from hub.settings import Settings, get_settings
from pipeline.batch.batch_log import departments_with_rows


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
    """The contracts of the named departments, whatever is in others', or of all that are active.

    Raises:
        ContractError: a contract that is asked for has a mistake.
        NotFound: no such department; suggests the nearest.
    """
    if names:
        contracts, broken = _read(settings)
        return [_named(contracts, broken, name) for name in names]
    contracts = load_contracts(contract_folders(settings.contract_folders))
    return _active(contracts, {}, settings)


def sound_contracts(settings: Settings, names: list[str] | None = None) -> tuple[list[Contract], dict[str, list[Problem]]]:
    """The same of those that can be read, and the mistakes of all others by department: one broken contract stops no other.

    Raises:
        ContractError: not one of those that are asked for can be read.
        NotFound: no such department; suggests the nearest.
    """
    contracts, broken = _read(settings)
    unreadable = {name: problems for name, problems in broken.items() if name not in contracts}
    if names:
        chosen = [_named(contracts, broken, name) for name in names if name not in unreadable]
    else:
        chosen = _active(contracts, unreadable, settings)
    if broken and not chosen:
        raise_problems([problem for problems in broken.values() for problem in problems])
    return chosen, broken


def _read(settings: Settings) -> tuple[dict[str, Contract], dict[str, list[Problem]]]:
    contracts, problems = read_contracts(contract_folders(settings.contract_folders))
    return contracts, broken_departments(problems)


def _active(contracts: dict[str, Contract], unreadable: Collection[str], settings: Settings) -> list[Contract]:
    active = settings.active_departments
    for name in active - set(unreadable):
        _named(contracts, {}, name)
    return [contract for name, contract in contracts.items() if not active or name in active]


def require_department(engine: Engine, name: str) -> None:
    """Refuse a name that is no department's, by contract or by what the store holds; an empty name stands for all.

    Raises:
        NotFound: suggests the nearest.
    """
    contracts, broken = _read(get_settings())
    known = {*contracts, *broken}
    if not name or name in known:
        return
    with store_errors(), engine.connect() as connection:
        known |= departments_with_rows(connection)
    if name not in known:
        raise _no_department(name, known)


def _named(contracts: dict[str, Contract], broken: dict[str, list[Problem]], name: str) -> Contract:
    if name in contracts:
        return contracts[name]
    if name in broken:
        raise_problems(broken[name])
    folders = [problem for problems in broken.values() for problem in problems if not problem.line]
    if folders:  # it may be in one that is not there
        raise_problems(folders)
    raise _no_department(name, {*contracts, *broken})


def _no_department(name: str, known: Iterable[str]) -> NotFound:
    close = difflib.get_close_matches(name, known, n=1)
    zh, en = (f"是否为 {close[0]}？", f"did you mean {close[0]}? ") if close else ("", "")
    remedy = f"{zh}用 `casehub sources list` 查看全部 · {en}`casehub sources list` shows them all"
    return NotFound(f"没有部门 {name} · there is no department {name}", remedy=remedy)
