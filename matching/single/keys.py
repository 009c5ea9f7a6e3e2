"""BLOCKING KEYS of one form: `matching.blocking.blocking_keys` for a mapping."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from matching.model import BlockingRule, Model


def keys_of(form: Mapping[str, Any], model: Model) -> list[str]:
    """Every blocking key of a form, once."""
    return list(dict.fromkeys(key for rule in model.blocking for key in _rule_keys(form, rule, model)))


def _rule_keys(form: Mapping[str, Any], rule: BlockingRule, model: Model) -> list[str]:
    columns = (*rule.fields, *(column for column in rule.refine if column not in rule.fields))
    if any(form[column] is None for column in rule.fields):
        return []
    values = [form[column] if isinstance(form[column], list) else [form[column]] for column in columns]
    count = len(rule.fields)
    keys = []
    for together in itertools.product(*values):
        texts = [None if value is None else str(value) for value in together]
        if any(text in model.over_common.get(field, ()) for field, text in zip(rule.fields, texts, strict=False)):
            if all(text is not None for text in texts):
                keys.append(f"{rule.name}+:{'|'.join(map(str, texts))}")
        else:
            keys.append(f"{rule.name}:{'|'.join(map(str, texts[:count]))}")
    return keys
