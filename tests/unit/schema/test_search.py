"""Search tokens: what is indexed is what a query asks for."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schema.folding import fold, fold_text
from schema.search import (
    MAX_CHARACTERS,
    _folded,
    _folded_alone,
    _pairs,
    _words,
    bigrams,
    query_of,
    search_tokens,
    tsqueries,
    tsquery,
)


def tokens_of(text: str) -> set[str]:
    found = search_tokens(pl.Series(["x", text]))[1]  # beside another row: the way of many rows
    return set(found.split()) if found else set()


def is_found(tokens: set[str], wanted: str) -> bool:
    """What PostgreSQL would say to `tokens @@ tsquery(wanted)`."""
    query = tsquery(wanted)
    if query is None:
        return False
    for term in query.split(" & "):
        token = term.split("'")[1]
        if not (any(t.startswith(token) for t in tokens) if term.endswith(":*") else token in tokens):
            return False
    return True


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param("光明区欠薪", {"光明", "明区", "区欠", "欠薪", "薪"}, id="a run of characters"),
        pytest.param("區", {"区"}, id="traditional, alone"),
        pytest.param("粤B１2345号", {"粤", "b12345", "号"}, id="full width and capitals"),
        pytest.param("，。！", set(), id="nothing but punctuation"),
        pytest.param("", set(), id="empty"),
        pytest.param("O'Neil \\ : & | ! ( ) * <->", {"o", "neil"}, id="the query language's own signs"),
        pytest.param("欠，薪", {"欠", "薪"}, id="no bigram across a stop"),
        pytest.param("𠮷田", {"𠮷田", "田"}, id="beyond the basic plane"),
        pytest.param("致电138-5726-4913号", {"致电", "电", "13857264913", "号"}, id="a phone with separators is whole"),
        pytest.param("tel１３８　５７２６－４９１３", {"tel", "13857264913"}, id="in full width, behind letters"),
        pytest.param("0755-27000000", {"075527000000"}, id="a landline"),
        pytest.param("440311 19840512 345X", {"44031119840512345x"}, id="an ID number"),
        pytest.param("①138 5726 4913②", {"1", "13857264913", "2"}, id="between what folds to figures"),
        pytest.param("2025-0103-0017", {"2025", "0103", "0017"}, id="other numbers are in pieces"),
    ],
)
def test_tokens(text: str, tokens: set[str]) -> None:
    assert tokens_of(text) == tokens


def test_nothing_to_find_is_null() -> None:
    assert search_tokens(pl.Series([None, "", "。", "光明"], dtype=pl.String)).to_list() == [None, None, None, "光明 明"]


def test_one_row_gives_what_many_rows_give() -> None:
    text = "臺灣街道１２３ 國際"
    assert search_tokens(pl.Series([text]))[0] == search_tokens(pl.Series([text, "x"]))[0]


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        pytest.param("維珍妮鞋業有限公司", "维珍妮", True, id="simplified finds traditional"),
        pytest.param("维珍妮鞋业有限公司", "維珍妮", True, id="traditional finds simplified"),
        pytest.param("光明街道", "道", True, id="one character at the end"),
        pytest.param("光明街道", "明", True, id="one character inside"),
        pytest.param("合同20250103号", "2025", False, id="beginning of a number"),
        pytest.param("合同20250103号", "20250103", True, id="whole number"),
        pytest.param("光明A1234", "A12", True, id="beginning of a word with figures"),
        pytest.param("光明A12345", "A1234", False, id="but not of one with many"),
        pytest.param("电话13857264913", "138 5726-4913", True, id="a number with separators finds one without"),
        pytest.param("电话138-5726-4913", "１３８５７２６４９１３", True, id="and the other way round"),
        pytest.param("电话138-5726-4913", "138-5726", False, id="a piece of it finds nothing"),
        pytest.param("电话138-5726-4913", "电话 5726", False, id="nor does one inside"),
        pytest.param("光明街道5号楼", "5号", True, id="a number that goes on in characters"),
        pytest.param("光明街道52号楼", "5号", False, id="is the whole number"),
        pytest.param("光明街道52号楼", "道5", False, id="and so is one that ends there"),
        pytest.param("光明街道", "光街", False, id="not beside each other"),
        pytest.param("光明街道", "光明 公司", False, id="every word is wanted"),
    ],
)
def test_query_finds(text: str, query: str, found: bool) -> None:
    assert is_found(tokens_of(text), query) is found


@pytest.mark.parametrize(
    ("text", "asked"),
    [("光明5号", "'光明' & '5'"), ("光明", "'光明'"), ("道A5", "'道'"), ("号", None), ("a 号", None), ("5 5号", "'5'")],
)
def test_the_index_is_asked_for_whole_tokens_alone(text: str, asked: str | None) -> None:
    assert query_of(text).by_index({}) == asked


@pytest.mark.parametrize(
    ("shares", "asked"),
    [
        ({"有限": 0.3, "公司": 0.3, "限公": 0.3, "美实": 0.01}, "'特美' & '美实'"),
        ({"有限": 0.3, "公司": 0.3, "限公": 0.3, "美实": 0.01, "特美": 0.02}, None),
        ({"特美": 0.3, "美实": 0.3, "有限": 0.3, "公司": 0.3, "实有": 0.3, "限公": 0.3}, None),
    ],
)
def test_very_common_words_are_left_out_where_a_rare_one_is_asked_for(shares: dict[str, float], asked: str | None) -> None:
    query = query_of("特美实有限公司" if "实有" in shares else "特美实 有限公司")
    assert query.by_index(shares) == (asked or query.by_index({}))


ALPHABET = "光明區街道國 欠薪，。維a1々"


@settings(max_examples=50)
@given(st.text(ALPHABET, min_size=1, max_size=40), st.data())
def test_any_piece_of_a_text_finds_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    while start > 0 and text[start].isascii() and text[start - 1].isascii():
        start -= 1  # a number or Latin word is found from its beginning
    end = data.draw(st.integers(start + 1, len(text)))
    while end < len(text) and text[end - 1].isascii() and text[end].isascii() and text[end - 1].isalnum():
        end += 1  # and a number by the whole of it
    piece = text[start:end]
    if tsquery(piece) is not None:
        assert is_found(tokens_of(text), piece)


@settings(max_examples=50)
@given(st.text(max_size=60))
def test_no_text_needs_quoting(text: str) -> None:
    query = tsquery(text)
    for token in [*tokens_of(text), *bigrams(text)]:
        assert not set(token) & set("'\\:&|!()<>* \x00")
    assert query is None or query.count("'") == 2 * len(bigrams(text))


def test_a_token_stands_once_and_every_text_has_its_own() -> None:
    texts = ["光明光明", "明光，明光", None, "道", "光明"]
    assert search_tokens(pl.Series(texts)).to_list() == ["光明 明 明光", "光 明光", None, "道", "光明 明"]


def test_a_long_word_is_cut_in_pieces() -> None:
    assert tokens_of("a" * 70 + " b") == {"a" * 64, "a" * 6, "b"}


def test_a_records_tokens_are_bounded() -> None:
    text = "".join(chr(0x4E00 + i % 20_000) for i in range(10 * MAX_CHARACTERS))
    assert len(search_tokens(pl.Series([text, text]))[0].split()) <= MAX_CHARACTERS + 1


@pytest.mark.parametrize("written", ["13857264913", "138-5726-4913", "44031119840512345X"])
def test_no_number_has_its_beginning_among_the_tokens(written: str) -> None:
    whole = written.replace("-", "").lower()
    for place in range(MAX_CHARACTERS - 20, MAX_CHARACTERS + 3):  # through the end of what is searchable
        found = tokens_of("，" * place + written + "，")
        assert found <= {whole}, place
    assert tokens_of("，" * MAX_CHARACTERS + "1") == set()


_PIECES = st.sampled_from(
    [
        "电",
        "tel",
        "X",
        "Ａ１",
        " ",
        "-",
        "－",
        "，",
        "\n",
        "13857264913",
        "138-5726-4913",
        "１３８ ５７２６　４９１３",
        "0755-27123456",
        "075527123456",
    ]
    + [
        "440311199001011234",
        "44031119900101123-x",
        "440311 19900101 1234",
        "440311900101123",
        "XF20250103000017",
        "2025-01-03 12:00",
        "7",
        "①",
        "κ",
        "㎡",
        "+86",
        "0086 ",
        "（0755）2712 3456",
        "1998-03-01-1234",
    ]
)


@given(st.lists(st.lists(_PIECES, max_size=9).map("".join), min_size=1, max_size=4))
@example(["㎡440311900101123"])
@example(["㎡138-5726-4913", "+86 138－5726－4913", "1998-03-01-1234"])
def test_texts_that_are_not_looked_at_alone_give_the_same_tokens(texts: list[str]) -> None:
    one_by_one = pl.Series([_folded_alone(text) for text in texts])
    told, expected = (
        [set(f"{words} {pairs}".split()) for words, pairs in zip(_words(each), _pairs(each), strict=True)]
        for each in (_folded(pl.Series(texts)), one_by_one)
    )
    assert told == expected


@pytest.mark.parametrize("query", ["1", "13", "1385726", "tel1385", "4403111984", "x1234567"])
def test_no_number_may_go_on(query: str) -> None:
    assert ":*" not in (tsquery(query) or "")
    assert ":*" not in (tsqueries([query])[0] or "")


_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cn")) | st.sampled_from("光明區欠薪号〇々12AbＡ５ \n，(（"), max_size=60)


@given(_TEXTS)
def test_one_text_folds_as_a_column_does(text: str) -> None:
    assert fold_text(text) == fold(pl.Series([text])).item()


@given(_TEXTS)
def test_one_text_needs_the_tokens_that_it_needs_among_many(text: str) -> None:
    assert query_of(text).whole == tsqueries(["", text])[1]
