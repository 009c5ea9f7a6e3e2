"""The models in force: the files in CASEHUB_MODELS, or the project's own; and the survivorship rules, which are the project's own."""

from __future__ import annotations

import logging
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path

import orjson
import xxhash
from sqlalchemy import Connection, text

from hub.errors import ContractError
from hub.settings import get_settings
from matching.model import Model
from matching.model_file import document_of, packaged_path, read_model
from matching.survivorship import masks, survivorship_rules

logger = logging.getLogger(__name__)

#: What the rules stand under in ops.model, where relations' models stand under theirs; their version is a hash of what they say.
RULES = "survivorship"
_RELATIONS = ("person", "organisation", "case")
_BROUGHT_IN = "brought_in"  # whether all that the store shows is ranked by them, or waits for it in ops.pending
_RULES = f"SELECT version, document FROM ops.model WHERE relation = '{RULES}' ORDER BY first_used_at DESC, version LIMIT 1"
_SHOWS_ANYTHING = "SELECT EXISTS (SELECT FROM store.golden_record)"
_KEEP_RULES = f"""
INSERT INTO ops.model (relation, version, document) VALUES ('{RULES}', :version, CAST(:document AS jsonb))
ON CONFLICT (relation, version) DO UPDATE SET document = excluded.document, first_used_at = excluded.first_used_at
"""


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


def model_document(relation: str) -> object:
    """What the file of the model in force holds, as JSON does: read anew each time, and parsed where it is another.

    Raises:
        ContractError: there is no such relation, or the file cannot be read.
    """
    path = model_path(relation)
    try:
        written = path.read_bytes()
    except OSError:
        written = b""  # parsing it says what is wrong
    return orjson.loads(_as_json(path, written))


@lru_cache(maxsize=8)
def _as_json(path: Path, written: bytes) -> bytes:
    """The document of a file that holds this. Parsing it takes as long as the rest of what is done before the first chunk."""
    return orjson.dumps(document_of(path), option=orjson.OPT_NON_STR_KEYS)


def record_rules(connection: Connection) -> None:
    """Keep the survivorship rules in force, and tell where the store shows values that others have ranked."""
    newest = connection.execute(text(_RULES)).one_or_none()
    if newest is not None and newest.version == _rules()[0]:
        return
    is_waiting = bool(connection.execute(text(_SHOWS_ANYTHING)).scalar_one())
    if is_waiting:
        logger.warning("survivorship rules are new; values that were ranked before wait for `casehub relink --swap`")
    _keep_rules(connection, is_brought_in=not is_waiting)


def has_former_rules(connection: Connection) -> bool:
    """Whether the store shows values that other rules than those in force have ranked."""
    newest = connection.execute(text(_RULES)).one_or_none()
    if newest is None:
        return bool(connection.execute(text(_SHOWS_ANYTHING)).scalar_one())
    return bool(newest.version != _rules()[0] or not newest.document[_BROUGHT_IN])


def bring_in_rules(connection: Connection) -> None:
    """Note that everything the store shows is ranked by the rules in force, once this transaction's work is done."""
    _keep_rules(connection, is_brought_in=True)


def _keep_rules(connection: Connection, *, is_brought_in: bool) -> None:
    version, rules = _rules()
    document = {"entities": rules, _BROUGHT_IN: is_brought_in}
    connection.execute(text(_KEEP_RULES), {"version": version, "document": orjson.dumps(document).decode()})


def _rules() -> tuple[str, dict[str, object]]:
    """The rules' version and what they say."""
    rules: dict[str, object] = {
        relation: {field: asdict(rule) for field, rule in survivorship_rules(relation).items()} for relation in _RELATIONS
    }
    ranked_by = {"rules": rules, "masks": dict(masks())}  # which values they take for masked ranks them, too
    return xxhash.xxh3_64_hexdigest(orjson.dumps(ranked_by, option=orjson.OPT_SORT_KEYS)), rules
