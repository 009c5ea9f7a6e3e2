"""CONTRACT FILES: where contracts lie, and how they are loaded; safe where Airflow parses its DAG files.

Enters: folders of YAML files. Leaves: `Contract`s, or a ContractError with file, line, place and the allowed words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from connectors.codes import is_code_list
from connectors.contract import Contract
from connectors.document import Document, Problem, did_you_mean, problems_of, raise_problems
from hub.lists import own_contract_folders

#: The hub's own contracts.
DEPARTMENTS = Path(__file__).parent / "departments"


def contract_folders(extra: Iterable[Path] | None = None) -> list[Path]:
    """The hub's own folder of contracts, then the admin's.

    Args:
        extra: folders beyond the hub's own; None takes those of the environment variable CASEHUB_CONTRACTS.
    """
    return [DEPARTMENTS, *(own_contract_folders() if extra is None else extra)]


def load_contract(path: Path) -> Contract:
    """One contract.

    Raises:
        ContractError: with `detail` file, line, where, allowed and problems (every mistake, one a line).
    """
    contract, problems = read_contract(path)
    if contract is None:
        raise_problems(problems)
    return contract


def load_contracts(folders: Iterable[Path] | None = None) -> dict[str, Contract]:
    """Every contract of the folders, by department.

    Args:
        folders: where to look; None takes `contract_folders()`.

    Raises:
        ContractError: any contract has a mistake, or a department stands in two files.
    """
    contracts, problems = read_contracts(folders)
    if problems:
        raise_problems(problems)
    return contracts


def read_contracts(folders: Iterable[Path] | None = None) -> tuple[dict[str, Contract], list[Problem]]:
    """Every contract that can be read, and every mistake in the others: one broken file does not hide fifteen good ones."""
    contracts: dict[str, Contract] = {}
    problems: list[Problem] = []
    origin: dict[str, Path] = {}
    for path in contract_files(contract_folders() if folders is None else folders, problems):
        contract, found = read_contract(path)
        problems += found
        if contract is None:
            continue
        first = origin.setdefault(contract.department, path)
        if first != path:
            problems.append(
                Problem(
                    path,
                    1,
                    "department",
                    f"{contract.department} 已在 {first} 中定义 · {contract.department} is already in {first}",
                    "后面的目录不得重新定义 · a later folder may not redefine it",
                )
            )
            continue
        contracts[contract.department] = contract
    return contracts, problems


def contract_files(folders: Iterable[Path], problems: list[Problem] | None = None) -> Iterator[Path]:
    """YAML files of the folders that are contracts, in order; a folder that is not there or cannot be read becomes a problem."""
    for folder in folders:
        try:
            paths = yaml_files(folder)
        except OSError as error:
            if problems is not None:
                is_missing = isinstance(error, FileNotFoundError | NotADirectoryError)
                message = "没有此目录 · there is no such folder" if is_missing else f"目录无法读取 · cannot be read ({error.strerror})"
                problems.append(Problem(folder, 0, "", message, "更正 CASEHUB_CONTRACTS · correct CASEHUB_CONTRACTS"))
            continue
        yield from (path for path in paths if not is_code_list(path))


def yaml_files(folder: Path) -> list[Path]:
    """Contracts and code lists of a folder.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    return sorted(path for path in folder.iterdir() if path.suffix in (".yml", ".yaml"))


def unknown_departments(names: Iterable[str], known: Collection[str]) -> list[Problem]:
    """Names in CASEHUB_DEPARTMENTS that are no department's."""
    words, place = tuple(sorted(known)), Path("CASEHUB_DEPARTMENTS")
    return [
        Problem(place, 0, "", f"{name!r} 不是部门 · {name!r} is no department", did_you_mean(name, words), words)
        for name in names
        if name not in known
    ]


def broken_departments(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    """Mistakes of contracts that cannot be read, by the department that each file says it is, else by the file's name."""
    broken: dict[str, list[Problem]] = {}
    for problem in problems:
        data = Document(problem.file).data
        said = data.get("department") if isinstance(data, dict) else None
        broken.setdefault(said if isinstance(said, str) else problem.file.stem, []).append(problem)
    return broken


def read_contract(path: Path) -> tuple[Contract | None, list[Problem]]:
    """One contract and every mistake in it."""
    document = Document(path)
    if document.node is None or not isinstance(document.data, dict):
        return None, document.problems or [
            Problem(path, 1, "", "不是契约 · is not a contract", "以 department: <部门代码> 开头 · begin with department: <name>")
        ]
    try:
        contract = Contract.model_validate(document.data)
    except ValidationError as error:
        return None, sorted([*document.problems, *problems_of(document, error, Contract)], key=lambda problem: problem.line)
    return (None, document.problems) if document.problems else (contract, [])
