"""BLOCKING: which records meet.

Enters forms, leaves blocking keys (id, key) and, from keys, candidate pairs. A key is text: the rule's name, then the
values that must agree (`ph:13912345678|zhang`). Keys depend on the form and the model alone, never on what else is in the
store: a value that the model lists as over-common needs the rule's `refine` columns too (`ph+:…|zhang|wei`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from hub.errors import ContractError
from matching.model import BlockingRule, Model
from matching.model_file import model_of
from schema.records import PAIR

_Ints: TypeAlias = npt.NDArray[np.int64]

KEY = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("key", pa.string(), nullable=False)])


def blocking_keys(relation: str, forms: pa.Table, model: Model) -> pa.Table:
    """Every blocking key of every form, each (id, key) once.

    Args:
        relation: person, organisation or case.
        forms: as the relation's `*_forms` gives them.
        model: of that relation.
    """
    model = model_of(relation, model)
    frame = pl.DataFrame(forms).lazy()
    keys = pl.concat([_keys(frame, forms.column_names, rule, model) for rule in model.blocking])
    return keys.unique(maintain_order=True).collect().to_arrow().cast(KEY)


def rule_keys(forms: pa.Table, rule: BlockingRule, model: Model) -> pa.Table:
    """The keys of one rule, each (id, key) once.

    Raises:
        ContractError: the rule names a column that the forms have not.
    """
    return _rule_keys(forms, rule, model).unique(maintain_order=True).to_arrow().cast(KEY)


def pairs_within(forms: pa.Table, model: Model) -> pa.Table:
    """Pairs of all forms that share a key, each once, as PAIR; what all their keys joined on `key` give, in less memory.

    Pairs of one block stand by each other, as far as one rule found them: few of them name few forms.

    Args:
        forms: a row an id.
        model: whose rules.
    """
    ids = forms.column("id").to_numpy()
    numbered = forms.set_column(forms.column_names.index("id"), "id", pa.array(np.arange(len(ids))))
    found, order, most = [np.empty(0, dtype=np.int64)], np.arange(len(ids)), 0
    for rule in model.blocking:
        rows, sizes = _blocks(_rule_keys(numbered, rule, model))
        pairs = _within_blocks(rows, sizes, len(ids))
        if len(pairs) > most:
            most, order = len(pairs), _first_places(rows, len(ids))
        found.append(pairs)
    left, right = np.divmod(_each_once(np.concatenate(found)), max(len(ids), 1))
    by_block = np.argsort(np.minimum(order[left], order[right]), kind="stable")
    one, other = ids[left[by_block]], ids[right[by_block]]
    return pa.table([np.minimum(one, other), np.maximum(one, other)], schema=PAIR)


def _blocks(keys: pl.DataFrame) -> tuple[_Ints, _Ints]:
    """Ids of the blocks of two and more, a block after the other, and how many each has; most keys are of one id alone."""
    shared = keys.group_by("key").agg("id").select("id").filter(pl.col("id").list.len() > 1)["id"]
    return shared.explode(keep_nulls=False, empty_as_null=False).to_numpy().astype(np.int64), shared.list.len().to_numpy().astype(np.int64)


def _within_blocks(rows: _Ints, sizes: _Ints, count: int) -> _Ints:
    """Each two rows of a block as one number, the lesser times `count` and the other."""
    ends = np.repeat(np.cumsum(sizes), sizes)
    later = ends - np.arange(len(rows)) - 1  # rows of its block that come after each row
    first = np.repeat(np.arange(len(rows)), later)
    before = np.repeat(np.cumsum(later) - later, later)
    one, other = rows[first], rows[first + 1 + np.arange(len(first)) - before]
    pairs = np.minimum(one, other) * count + np.maximum(one, other)
    different: _Ints = pairs[one != other]  # a row may have a key twice
    return different


def _each_once(numbers: _Ints) -> _Ints:
    """In order; `np.unique` takes ten times as long for numbers as many as these."""
    numbers.sort()
    return numbers[np.diff(numbers, prepend=-1) > 0]


def _first_places(rows: _Ints, count: int) -> _Ints:
    """For each row where it first stands among the blocks; a row of none comes after all."""
    places = np.full(count, len(rows))
    places[rows[::-1]] = np.arange(len(rows))[::-1]
    return places


def representatives(forms: pa.Table, alone: Collection[int] = ()) -> pa.Table:
    """(id, representative): the least id among the forms of one `fingerprint`; a form without one stands for itself.

    Forms of one fingerprint weigh the same against anything, so only the representative needs blocking keys, and each of
    the others one pair with it. Without this, a firm named in n records is n² pairs.

    Args:
        forms: with `fingerprint`.
        alone: ids that stand for themselves and for no other: what a person said of one of them holds for nobody who is just like it.
    """
    frame = pl.DataFrame(forms.select(["id", "fingerprint"]))
    is_alone = pl.col("fingerprint").is_null() | pl.col("id").is_in(list(alone))
    least = pl.when(is_alone).then("id").otherwise(pl.when(~is_alone).then("id").min().over("fingerprint"))
    return frame.select("id", least.alias("representative")).to_arrow()


def _rule_keys(forms: pa.Table, rule: BlockingRule, model: Model) -> pl.DataFrame:
    used = [name for name in forms.column_names if name in ("id", *rule.fields, *rule.refine)]
    return _keys(pl.DataFrame(forms.select(used)).lazy(), forms.column_names, rule, model).collect()


def _keys(forms: pl.LazyFrame, known: Sequence[str], rule: BlockingRule, model: Model) -> pl.LazyFrame:
    """(id, key) of one rule, put off: the rules of a model are worked out together, which for few forms is most of the time."""
    columns = [*rule.fields, *(column for column in rule.refine if column not in rule.fields)]
    missing = sorted(set(columns) - set(known))
    if missing:
        raise ContractError(
            f"分块规则 {rule.name} 没有字段 {', '.join(missing)} · blocking rule {rule.name}: there is no field {', '.join(missing)}",
            remedy=f"可用值 · name one of: {', '.join(known)}",
        )
    values = forms.select("id", *columns).drop_nulls(list(rule.fields))
    schema = values.collect_schema()
    for column in columns:
        if isinstance(schema[column], pl.List):
            values = values.explode(column).drop_nulls(column)
    plain = pl.concat_str(pl.lit(f"{rule.name}:"), pl.concat_str(rule.fields, separator="|"))
    listed = [pl.col(field).cast(pl.String).is_in(sorted(model.over_common[field])) for field in rule.fields if field in model.over_common]
    if listed:
        refined = pl.concat_str(pl.lit(f"{rule.name}+:"), pl.concat_str(*columns, separator="|"))
        plain = pl.when(pl.any_horizontal(listed)).then(refined).otherwise(plain)
    return values.select("id", plain.alias("key")).drop_nulls()
