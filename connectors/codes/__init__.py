"""Code lists: a source's own values → codes of the hub, one YAML file a list.

`{list: labour_category, title: …, codes: {source value: hub code}, default: other}`. Keys are taken as they are written, so that
01 stays "01". A value mapped to nothing (`~`) is known and means no code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import Field, StrictStr, ValidationError

from connectors.document import Document, Problem, did_you_mean, problems_of, raise_problems
from connectors.model import Name, Strict, Text

#: The hub's own code lists.
CODES = Path(__file__).parent


class CodeList(Strict):
    """What a source's values mean in the hub's codes."""

    list_: Name = Field(alias="list")
    title: StrictStr = ""
    codes: dict[StrictStr, Text | None]
    default: Text | None = Field(None, description="Code of every value not listed; without it, such a value is refused.")


def read_code_list(path: Path) -> tuple[CodeList | None, list[Problem]]:
    """One code list and every mistake in it."""
    document = Document(path)
    if document.problems or not isinstance(document.data, dict):
        return None, document.problems or [
            Problem(path, 1, "", "不是代码表 · is not a code list", "以 list: <名称> 开头 · begin with list: <name>")
        ]
    data = dict(document.data)
    if isinstance(data.get("codes"), dict):
        data["codes"] = document.scalar_keys("codes")
    try:
        codes = CodeList.model_validate(data)
    except ValidationError as error:
        return None, problems_of(document, error, CodeList)
    if codes.list_ != path.stem:
        line = document.line_of(("list",))
        return None, [
            Problem(
                path,
                line,
                "list",
                f"{codes.list_!r} 与文件名不一致 · {codes.list_!r} is not the file's name",
                f"写 list: {path.stem}，或更改文件名 · write list: {path.stem}, or rename the file",
            )
        ]
    return codes, []


def code_list_files(folders: Iterable[Path]) -> dict[str, Path]:
    """Where each code list is: the hub's own, then `codes/` of each folder and the folder itself, the first that has it."""
    return _first_of_each([CODES, *(place for folder in folders for place in (folder / "codes", folder))])


def code_list_files_beside(contract: Path) -> dict[str, Path]:
    """Where the code lists are that a contract's own folder has."""
    return _first_of_each([contract.parent / "codes", contract.parent])


def _first_of_each(places: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for place in places:
        for path in sorted((*place.glob("*.yml"), *place.glob("*.yaml"))):
            if place.name == "codes" or is_code_list(path):
                found.setdefault(path.stem, path)
    return found


def is_code_list(path: Path) -> bool:
    """Whether a YAML file of a contract folder is a code list: it says `list:` at its top level."""
    try:
        with path.open(encoding="utf-8-sig") as lines:
            return any(line.startswith("list:") for line in lines)
    except (OSError, UnicodeDecodeError):
        return False


def load_code_list(name: str, folders: Iterable[Path] = ()) -> CodeList:
    """A code list by its name; see `load_code_lists`."""
    return load_code_lists([name], folders)[name]


def load_code_lists(names: Iterable[str], folders: Iterable[Path] = ()) -> dict[str, CodeList]:
    """Code lists by their names.

    Args:
        names: as a contract's `codes:` say.
        folders: contract folders beyond the hub's own.

    Raises:
        ContractError: there is no such list, or it has a mistake; names file and line.
    """
    wanted = list(names)
    files = code_list_files(folders) if wanted else {}  # to look through every file takes as long as to read a list
    return {name: _load(name, files) for name in wanted}


def _load(name: str, files: Mapping[str, Path]) -> CodeList:
    if name not in files:
        raise_problems(
            [
                Problem(
                    CODES / f"{name}.yml",
                    0,
                    "",
                    f"没有代码表 {name!r} · there is no code list {name!r}",
                    did_you_mean(name, tuple(files)),
                    tuple(files),
                )
            ]
        )
    codes, problems = read_code_list(files[name])
    if codes is None:
        raise_problems(problems)
    return codes
