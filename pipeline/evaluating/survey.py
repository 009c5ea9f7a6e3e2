"""SURVEY: values that say nothing, and values that too many share, found by counting in the store.

Enter the store; leave what the next version of a relation's model should list. Nothing of it takes effect by itself: a
model's lists are frozen with its version, so that the same records always come to the same clusters.

A phone or a number that parties of many names give is nobody's own: a reception's, a representative's, a made-up one. A
name that many give and that never stands with a verified number is no name. A blocking key that more nodes show than the
model's `block_limit` has a value that needs the rule's further field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import yaml
from sqlalchemy import Engine

from hub.database import store_errors
from hub.encryption import key_ring
from hub.errors import SettingsError
from matching.blocking import rule_keys
from matching.model import Model
from matching.model_file import document_of
from pipeline.resolving.candidates import key_numbers
from pipeline.resolving.links import Task, forms_of
from pipeline.resolving.models import load_model, model_path
from pipeline.resolving.relations import CASE, Relation, read_nodes
from pipeline.store.channel import Channel
from pipeline.store.protected import clear_column

NAMES = 20  # of so many different names, a phone or a number is no one party's own
_NUMBERS = {"person": ("phone", "id_no"), "organisation": ("phone", "uscc")}
_SHARED = """
SELECT {column} AS value, count(*) AS mentions, count(DISTINCT name) AS names FROM store.party
WHERE kind = %(kind)s AND known_to IS NULL AND known_from IS NOT NULL AND {column} IS NOT NULL
GROUP BY 1 HAVING count(DISTINCT name) >= %(names)s
"""
_NAMES = """
SELECT name AS value, count(*) AS mentions, count(DISTINCT coalesce(phone, address)) AS names FROM store.party
WHERE kind = %(kind)s AND known_to IS NULL AND known_from IS NOT NULL AND name IS NOT NULL
GROUP BY 1 HAVING count(*) >= 3 * %(names)s AND count({number}) = 0 AND count(DISTINCT coalesce(phone, address)) >= %(names)s
ORDER BY 2 DESC, 1
"""
_IS_BETWEEN_KEYS = """
SELECT EXISTS (
    SELECT FROM store.party WHERE left(phone, %(length)s) <> %(prefix)s OR left(id_no, %(length)s) <> %(prefix)s
) AS found
"""
_CROWDED = "SELECT key, count(*) AS nodes, min({node}) AS id FROM {keys} GROUP BY key HAVING count(*) > %(limit)s ORDER BY 2 DESC, 1"


@dataclass(frozen=True)
class Common:
    """A value that many share.

    Args:
        column: of the model: a placeholder's, or a field of a blocking rule.
        value: itself.
        mentions: parties that give it, or nodes that meet by it.
        names: different names among them; of a name, different phones and addresses; 0 where not counted.
    """

    column: str
    value: str
    mentions: int
    names: int


@dataclass(frozen=True)
class Survey:
    """What a model's next version should list.

    Args:
        model: in force.
        placeholders: values that say nothing, not listed yet.
        over_common: values of rules that have a further field, not listed yet.
        unrefined: keys as crowded, of rules that have none: their rules need one.
    """

    model: Model
    placeholders: tuple[Common, ...] = ()
    over_common: tuple[Common, ...] = ()
    unrefined: tuple[Common, ...] = field(default=())


def survey(engine: Engine, relation: Relation, names: int = NAMES) -> Survey:
    """Count what the relation's records share.

    Args:
        engine: of the store.
        relation: person, organisation or case.
        names: different names from which on a number is nobody's own.

    Raises:
        SettingsError: numbers of parties wait for a rotation.
    """
    model = load_model(relation.name)
    with store_errors(), engine.begin() as connection, Channel(connection) as channel:
        placeholders = _placeholders(channel, relation, model, names) if relation is not CASE else ()
        over_common, unrefined = _crowded(channel, relation, model)
    return Survey(model, placeholders, over_common, unrefined)


def next_version(found: Survey) -> str:
    """The model's document as YAML, with what was found in its lists and its version raised; comments are not kept."""
    document = document_of(model_path(found.model.relation))
    kept: dict[str, Any] = dict(document) if isinstance(document, dict) else {}
    kept["version"] = int(kept["version"]) + 1
    for key, commons in (("placeholders", found.placeholders), ("over_common", found.over_common)):
        lists: dict[str, list[str]] = {column: list(map(str, words)) for column, words in (kept.get(key) or {}).items()}
        for one in commons:
            lists.setdefault(one.column, []).append(one.value)
        kept[key] = lists
    return yaml.safe_dump(kept, allow_unicode=True, sort_keys=False, width=140)


def _placeholders(channel: Channel, relation: Relation, model: Model, names: int) -> tuple[Common, ...]:
    _require_one_key(channel)
    number = _NUMBERS[relation.name][1]
    found = [(column, _shared(channel, relation, column, names)) for column in _NUMBERS[relation.name]]
    found.append(("name", channel.read(_NAMES.format(number=number), kind=relation.name, names=names)))
    listed: Mapping[str, frozenset[str]] = model.placeholders
    return tuple(
        Common(column, value, mentions, of_names)
        for column, rows in found
        for value, mentions, of_names in rows.iter_rows()
        if value not in listed.get(column, frozenset())
    )


def _require_one_key(channel: Channel) -> None:
    """Refuse to count while one number may stand in two forms: each would be counted by itself, and too few of either be found."""
    ring = key_ring()
    if ring is None:
        return
    prefix = ring.current_prefix
    if channel.read(_IS_BETWEEN_KEYS, prefix=prefix, length=len(prefix)).item():
        raise SettingsError(
            "库中电话与证件号码未全部使用当前密钥，无法统计 · "
            "phones and ID numbers of this store are not all under the current key, and cannot be counted",
            remedy="运行 `casehub encryption rotate` 后重试 · run `casehub encryption rotate`, and then this again",
            key_id=ring.current,
        )


def _shared(channel: Channel, relation: Relation, column: str, names: int) -> pl.DataFrame:
    """(value, mentions, names) of a column's values, those of most names first."""
    found = channel.read(_SHARED.format(column=column), kind=relation.name, names=names)
    return found.with_columns(clear_column(column, found["value"])).sort("names", "value", descending=[True, False])


def _crowded(channel: Channel, relation: Relation, model: Model) -> tuple[tuple[Common, ...], tuple[Common, ...]]:
    """Values of keys that are over the model's limit, of rules with a further field and of rules without."""
    sql = _CROWDED.format(node=relation.node, keys=relation.keys)
    crowded = channel.read(sql, limit=model.block_limit)
    if crowded.is_empty():
        return (), ()
    forms = forms_of(Task.reading(channel, relation), read_nodes(channel, relation, crowded["id"].unique()))
    over_common: list[Common] = []
    unrefined: list[Common] = []
    for rule in model.blocking:
        texts = pl.Series("text", rule_keys(forms, rule, model)["key"])
        met = (
            pl.DataFrame([texts, key_numbers(texts).alias("key")])
            .unique("key")
            .join(crowded, on="key")
            .sort("nodes", "text", descending=[True, False])
        )
        for text, nodes in met.select("text", "nodes").iter_rows():
            can_refine = bool(rule.refine) and not text.startswith(f"{rule.name}+:")
            (over_common if can_refine else unrefined).append(Common(rule.fields[0], _value(text), nodes, 0))
    return tuple(dict.fromkeys(over_common)), tuple(unrefined)


def _value(text: str) -> str:
    """The value of the rule's first field in a key: `ph:13912345678|zhang` → 13912345678."""
    return text.partition(":")[2].split("|")[0]
