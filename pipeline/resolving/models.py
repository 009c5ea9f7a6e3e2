"""The models in force: the files in CASEHUB_MODELS, or the project's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hub.errors import ContractError
from hub.settings import get_settings
from matching.model import Model
from matching.model_file import packaged_path, read_model


@cache
def load_model(relation: str) -> Model:
    """The model in force of a relation: person, organisation or case.

    Raises:
        ContractError: there is no such relation, or the file says what cannot be done.
    """
    model = read_model(model_path(relation))
    if model.relation != relation:
        raise ContractError(
            f"{relation} 的模型实为 {model.relation} 的 · the model of {relation} is one of {model.relation}",
            remedy=f"写 relation: {relation}，或移走该文件 · write relation: {relation}, or move the file",
        )
    return model


def model_path(relation: str) -> Path:
    """The file of the model in force.

    Raises:
        ContractError: there is no such relation.
    """
    packaged, own = packaged_path(relation), get_settings().models
    if own and (Path(own) / packaged.name).is_file():
        return Path(own) / packaged.name
    return packaged
