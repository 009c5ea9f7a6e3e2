"""Companies of one group have a word in common, and are two."""

from __future__ import annotations

import random
from typing import Any

import polars as pl

from matching.table_linkage import link_table
from matching.table_model import table_model_from
from tests.unit.matching.table_builders import word

_TRADES = ("Bau", "Logistik", "Energie", "Holding", "Immobilien", "Services", "Digital", "Invest")
_FORMS = ("GmbH", "G.m.b.H.", "AG", "GmbH & Co. KG")


def companies(groups: int = 220, seed: int = 3) -> pl.DataFrame:
    """Companies of some groups, each group at one address, as four registers have them."""
    drawn, rows = random.Random(seed), []
    for _ in range(groups):
        name, street, postcode = word(drawn, 6).capitalize(), f"{word(drawn, 6)}weg {drawn.randint(1, 90)}", f"{drawn.randint(10, 40)}007"
        for trade in drawn.sample(_TRADES, drawn.choice((1, 1, 2, 3))):
            number, form = str(drawn.randint(10_000, 99_999)), drawn.choice(_FORMS)
            rows += [
                (
                    source,
                    f"{name} {trade} {form}",
                    street if drawn.random() < 0.8 else None,
                    postcode,
                    number if drawn.random() < 0.8 else None,
                )
                for source in drawn.sample("abcd", drawn.choice((1, 2, 3)))
            ]
    return pl.DataFrame(rows, schema=["source", "name", "street", "postcode", "number"], orient="row")


def test_names_of_one_group_may_be_alike_where_numbers_tell_apart_too() -> None:
    def related(form: str, *apart_by: str) -> dict[str, tuple[float, ...]]:
        model: dict[str, Any] = {
            "version": 1,
            "source": "source",
            "unique_within": True,
            "fields": {"name": {"from": "name", "as": form}, "street": "street", "number": {"from": "number", "as": "code"}},
            "blocking": [{"name": name, "fields": [name]} for name in ("street", "name", "number")],
            "comparisons": [{"name": "name", "kind": "phrase"}, {"name": "street", "kind": "name"}, {"name": "number", "kind": "code"}],
            "told_apart_by": list(apart_by),
        }
        found = link_table(companies(), table_model_from(model, "companies")).model.related
        assert found is not None
        return dict(found.bits)

    exact, *others = related("company", "name", "number")["name"]
    assert exact == 0  # the whole name by chance alone …
    assert max(others) > 3  # … and a word of it far oftener than that
    assert "name" not in related("text", "name", "number")
    assert "name" not in related("company", "name")
