"""CHECK: every mistake in every contract and code list at once, each with file, line and what to write instead.

What `casehub sources check` shows. Here it is settled which contracts and code lists are looked at, and which a draft replaces;
what is looked at in each is in connectors/contract_checks.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from connectors.codes import is_code_list
from connectors.contract import Contract
from connectors.contract_checks import CodeLists, Subject, contract_problems
from connectors.contract_files import contract_files, contract_folders, read_contract
from connectors.document import Document, Problem


@dataclass
class Checked:
    """What a check found.

    Attributes:
        contracts: those that can be read, by department, with their files.
        problems: every mistake, in the order of files and lines.
        replaced: a named draft → the contract of its department that stands in a folder of contracts.
    """

    contracts: dict[str, tuple[Path, Contract]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    replaced: dict[Path, Path] = field(default_factory=dict)


def check(
    folders: Iterable[Path] | None = None, *, connections: bool = False, active: Collection[str] = (), named: Collection[Path] = ()
) -> Checked:
    """Look at every contract and code list.

    Args:
        folders: folders of contracts; None takes the hub's own and those of CASEHUB_CONTRACTS.
        connections: whether each connection's environment variable must be there and readable.
        active: departments that are connected to; empty: all.
        named: contracts or code lists whose mistakes are told, with those of the lists that they use; empty: all. One outside the
            folders is a draft: it is looked at as what replaces the contract of its department, if there is one.
    """
    places = list(contract_folders() if folders is None else folders)
    installed = {place.resolve() for place in places}
    drafts = [path for path in named if path.resolve().parent not in installed]
    places += sorted({path.parent for path in drafts})
    checked = Checked()
    read, unread = _read(places, [path for path in drafts if not is_code_list(path)], checked.problems)
    subjects = [(path, contract) for path, contract in read if _takes_its_place(path, contract, checked, drafts)]
    lists = CodeLists.read(places, [path for path in drafts if _replaces(path, checked)], checked.problems)
    departments = tuple(sorted({*checked.contracts, *unread}))
    for path, contract in subjects:
        wants_connection = connections and (not active or contract.department in active)
        checked.problems += contract_problems(Subject(Document(path), contract, lists, departments), wants_connection)
    if named:
        told = {path.resolve() for path in (*named, *_lists_used(named, lists))}
        checked.problems = [problem for problem in checked.problems if problem.file.resolve() in told]
    checked.problems.sort(key=lambda problem: (str(problem.file), problem.line))
    return checked


def _read(places: list[Path], drafts: list[Path], problems: list[Problem]) -> tuple[list[tuple[Path, Contract]], list[str]]:
    """Contracts that can be read, drafts first; and names of the others, as their files are: they may be cited all the same."""
    read, unread = [], []
    seen = {path.resolve() for path in drafts}
    for path in (*drafts, *(path for path in contract_files(places, problems) if path.resolve() not in seen)):
        contract, found = read_contract(path)
        problems += found
        if contract is None:
            unread.append(path.stem)
        else:
            read.append((path, contract))
    return read, unread


def _takes_its_place(path: Path, contract: Contract, checked: Checked, drafts: list[Path]) -> bool:
    """Whether a contract is looked at: all are, but those that a draft replaces."""
    first = checked.contracts.setdefault(contract.department, (path, contract))[0]
    if first in drafts and path not in drafts:
        checked.replaced.setdefault(first, path)
        return False
    if first != path:
        checked.problems.append(
            Problem(
                path,
                1,
                "department",
                f"{contract.department} 已在 {first} 中定义 · {contract.department} is already in {first}",
                "两者只保留一个 · keep one of the two",
            )
        )
    return True


def _replaces(draft: Path, checked: Checked) -> bool:
    """Whether a draft is of a department that has a contract, also where the draft has mistakes and cannot be read."""
    data = Document(draft).data
    first = checked.contracts.get(str(data.get("department"))) if isinstance(data, dict) else None
    return draft in checked.replaced or (first is not None and first[0] != draft)


def _lists_used(contracts: Iterable[Path], lists: CodeLists) -> Iterator[Path]:
    """Files of the code lists that contracts name, also where a contract has other mistakes."""
    for path in contracts:
        for name in _codes_said(Document(path).data):
            if name in lists.files:
                yield lists.files[name]


def _codes_said(data: object) -> Iterator[str]:
    if isinstance(data, dict):
        if isinstance(data.get("codes"), str):
            yield data["codes"]
        data = list(data.values())
    for part in data if isinstance(data, list) else ():
        yield from _codes_said(part)
