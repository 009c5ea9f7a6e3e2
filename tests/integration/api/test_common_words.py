"""Very common words: the index is not asked for them where a rare one is there, and what is found holds them all the same."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
from sqlalchemy import Engine, text

from api.queries import words
from tests.integration.api.builders import Api, Store


@pytest.fixture
def store(database: Engine) -> Store:
    return Store(database)


def test_shares_are_of_shared_records_and_of_words_that_many_hold(store: Store) -> None:
    for n in range(12):
        store.record("petition", f"a{n}", title="欠薪")
        store.record("petition", f"s{n}", title="密情", visibility="sealed")
    for n in range(9):
        store.record("labour", f"b{n}", title="噪音")
    with store.engine.connect() as connection:
        shares = {row.word: row.share for row in connection.execute(text("SELECT word, share FROM store.common_words()"))}
    assert shares["欠薪"] == pytest.approx(12 / 21)
    assert not {"噪音", "密情"} & shares.keys()


def test_a_rare_word_finds_what_holds_the_common_ones_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_known", weakref.WeakKeyDictionary())
    store = api.store
    for n in range(12):
        store.case(store.record("petition", f"a{n}", title="深圳公司"))
    wanted = store.case(store.record("labour", "b", title="永特在深圳 一家公司"))
    store.case(store.record("labour", "c", title="永特在外地 一家公司"))
    asked: list[Any] = []
    real = words.word_parameters

    def noted(*given: Any) -> dict[str, Any]:
        asked.append(real(*given))
        return asked[-1]

    monkeypatch.setattr("api.queries.hits.word_parameters", noted)
    assert api.as_("clerk", "court").ids(q="永特 深圳 公司") == [str(wanted)]
    assert asked[0]["by_index"] == "'永特'"
    assert "深圳" in asked[0]["tokens"]
