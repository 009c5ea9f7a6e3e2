"""Model files: YAML → a `Model`, as `model_reader` reads it, and the project's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from hub.errors import ContractError
from hub.wording import Words
from matching.model import RELATIONS, Model
from matching.model_reader import ModelReader

MODELS = Path(__file__).parent / "models"


@cache
def packaged_model(relation: str) -> Model:
    """The project's own model of a relation.

    Raises:
        ContractError: there is no such relation.
    """
    return read_model(packaged_path(relation))


def packaged_path(relation: str) -> Path:
    """The file of it.

    Raises:
        ContractError: there is no such relation.
    """
    if relation not in RELATIONS:
        raise ContractError(
            f"没有关系 {relation!r} · no relation {relation!r}",
            remedy=f"可用值 · name one of: {', '.join(RELATIONS)}",
            allowed=list(RELATIONS),
        )
    return MODELS / f"{relation}.yml"


def model_of(relation: str, model: Model) -> Model:
    """The given model.

    Raises:
        ContractError: it is of another relation.
    """
    if model.relation != relation:
        raise ContractError(
            f"给 {relation} 的是 {model.relation} 的模型 · a model of relation {model.relation} was given for {relation}",
            remedy="使用该关系自己的模型 · pass the relation's own model",
        )
    return model


def read_model(path: Path) -> Model:
    """Read a model file of one of the project's relations.

    Raises:
        ContractError: the file cannot be read, or a kind, level, field, weight or threshold in it makes no sense.
    """
    return ModelReader(path.name).model(document_of(path))


def model_from(document: object, name: str) -> Model:
    """The model that a document describes, as one that was kept.

    Args:
        document: as `document_of` gives it, or as JSON keeps that.
        name: what complaints call it.

    Raises:
        ContractError: a kind, level, field, weight or threshold in it makes no sense.
    """
    return ModelReader(name).model(document)


def document_of(path: Path) -> object:
    """What a model file holds, as YAML reads it.

    Raises:
        ContractError: the file cannot be read.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        try:
            return yaml.load(text, Loader=yaml.CSafeLoader)  # CSafeLoader builds plain data only, in a tenth of the time
        except yaml.YAMLError:
            return yaml.safe_load(text)  # which knows better where the mistake is
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        place = _place(error, len(text.rstrip().splitlines()))
        remedy = Words("检查文件存在且为 YAML", "check that it is there and is YAML")
        if place.en:
            remedy = Words("更正该处的括号、引号、冒号或缩进", "mend the YAML there: a bracket, a quote, a colon or an indent")
        raise ContractError(
            f"无法读取模型文件 {path.name}{place.zh} · model file {path.name} cannot be read{place.en}",
            remedy=str(remedy),
            file=str(path),
        ) from error


def _place(error: Exception, lines: int) -> Words:
    """Where to mend a file of so many lines: where what was never ended begins, which is noticed a line or more after it."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Words("", "")
    noticed = min(error.problem_mark.line + 1, lines)
    if error.context_mark is None or "block" in (error.context or ""):  # a block begins far above its wrong line
        return Words(f"（第 {noticed} 行）", f" at line {noticed}")
    begun = min(error.context_mark.line + 1, lines)
    if begun == noticed:
        return Words(f"（第 {begun} 行）", f" at line {begun}")
    return Words(f"（第 {begun} 行，见第 {noticed} 行）", f" at line {begun}, which line {noticed} shows")
