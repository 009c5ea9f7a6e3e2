"""Phones and ID numbers that somebody wrote into a text: found whole, however they are written, and by no piece of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from api.state import Hub
from api.watches.evaluate import evaluate
from tests.integration.api.builders import Api, Store
from tests.integration.api.changing import NOISE, settle
from tests.integration.api.receiving import worker
from tests.integration.api.test_lookups import csv_of, looked_up
from tests.integration.api.test_watch_tolerance import without_purpose, written
from tests.integration.api.test_watches import told, watch
from tests.integration.pipeline.resolving import person

PHONE = "13857264913"
ID = "440311198405123457"
WAYS = (
    PHONE,
    "138-5726-4913",
    "138 5726 4913",
    "１３８５７２６４９１３",
    "１３８－５７２６－４９１３",
    "+8613857264913",
    "+86 138 5726 4913",
    "0086-13857264913",
    "138.5726.4913",
    "138—5726—4913",
    "138  5726  4913",
    "138-572-64913",
)


@pytest.fixture
def hub(api: Api, store: Store) -> Iterator[Hub]:
    with worker(store.engine) as found:
        yield found


def case_saying(store: Store, text: str, **fields: Any) -> uuid.UUID:
    return store.case(store.record("petition", "XF-9", [{"name": "王小明"}], title="反映噪音", text=text, **fields))


def pieces(number: str) -> list[str]:
    """Beginnings of a number, and what stands between its separators."""
    bare = "".join(character for character in number if character.isalnum())
    return [*(bare[:end] for end in range(1, len(bare))), "5726", "4913", bare[6:14], bare[-4:]]


@pytest.mark.parametrize("way", [*WAYS, ID, f"{ID[:6]} {ID[6:14]} {ID[14:]}"])
def test_no_piece_of_a_masked_number_finds_its_text(api: Api, store: Store, way: str) -> None:
    case = case_saying(store, f"请联系王小明tel{way}号")
    clerk = without_purpose(api.as_("clerk", "labour"))
    shown = clerk.case(case, "records")["records"][0]["text"]
    assert "****" in shown and "138****4913" in shown or "4403**********3457" in shown
    for piece in pieces(way):
        for q in (f"{piece} 噪音", f"噪音{piece}", f"tel{piece} 噪音", f"{piece}号 噪音"):
            if "tel138" not in q or len(piece) > 3:
                assert clerk.ids(q=q) == [], q


@pytest.mark.parametrize("way", WAYS)
def test_whoever_knows_the_number_finds_it_however_it_is_written(api: Api, store: Store, way: str) -> None:
    case = case_saying(store, f"请联系{way}。")
    clerk = without_purpose(api.as_("clerk", "labour"))
    for asked in WAYS:
        for q in (asked, f"{asked} 噪音"):
            (item,) = clerk.find(q=q)["items"]
            assert item["case_id"] == str(case)
            assert "text" in {field for match in item["matched"] for field in match["fields"]}, q


def test_fields_do_not_tell_which_figures_stand_in_a_masked_number(api: Api, store: Store) -> None:
    case_saying(store, "请联系138-5726-4913", address="田寮路57号")
    clerk = without_purpose(api.as_("clerk", "labour"))
    (item,) = clerk.find(q="57")["items"]
    assert [match["fields"] for match in item["matched"]] == [["address"]]


def test_a_batch_look_up_finds_no_more(api: Api, store: Store) -> None:
    case = case_saying(store, "请联系138-5726-4913")
    clerk = without_purpose(api.as_("clerk", "labour"))
    asked = ["1385 噪音", "1385726491 噪音", "5726 噪音", "138 5726 4913 噪音"]
    rows = looked_up(clerk, csv_of(["关键词"], *([q] for q in asked)))
    assert [row["案件标识 · case ids"] for row in rows] == ["", "", "", str(case)]


def test_a_watch_finds_no_more(api: Api, store: Store, hub: Hub) -> None:
    clerk = without_purpose(api.as_("clerk", "labour"))
    made = {q: watch(clerk, "query", query={"q": q}) for q in ("1385 噪音", "5726 噪音", "13857264913 噪音")}
    settle(store.engine, written("petition", "XF-9", person("王小明"), **{**NOISE, "text": "夜间噪音，请联系138-5726-4913"}))
    evaluate(hub)
    assert [len(told(clerk, watch_id)) for watch_id in made.values()] == [0, 0, 1]


def test_a_part_of_a_case_number_still_finds_it(api: Api, store: Store) -> None:
    case = store.case(store.record("petition", "GMXF20250103000123", title="噪音"))
    clerk = api.as_("clerk", "labour")
    for q in ("GMXF2025", "000123", "20250103", "GMXF20250103000123"):
        assert clerk.ids(q=q) == [str(case)], q


def test_landlines_are_masked_however_they_are_written(api: Api, store: Store) -> None:
    ways = ("0755-27881234", "(0755)27881234", "（0755） 2788 1234", "+86 755 2788 1234", "0755—2788—1234")
    case = case_saying(store, "；".join(f"座机{way}" for way in ways))
    clerk = without_purpose(api.as_("clerk", "labour"))
    shown = clerk.case(case, "records")["records"][0]["text"]
    assert shown == "；".join(["座机****34"] * len(ways))
    assert clerk.ids(q="噪音 2788") == []
    assert clerk.ids(q="(0755)27881234 噪音") == [str(case)]


def test_how_like_a_text_is_to_another_tells_none_of_its_figures(api: Api, store: Store) -> None:
    said = "夜间噪音扰民睡不着，请联系{}王先生"
    about = {"category": "noise", "address": "马田街道将石路3号", "occurred_at": "2026-02-27T00:00:00Z", "amount": "36000.00"}
    kept = {"title": "反映噪音", "text": said.format(PHONE), "reported_at": "2026-02-27T00:00:00Z", **about}
    settle(store.engine, written("petition", "XF-1", person("王小明", phone="13912340001"), **kept))
    clerk = without_purpose(api.as_("clerk", "labour"))
    party = {"kind": "person", "role": "petitioner", "name": "王小明"}
    guesses = [PHONE, "13812345678", "138 5726 4914", ID, ""]
    answers = [clerk.post("/v1/match", json={**about, "text": said.format(guess), "parties": [party]}).json() for guess in guesses]
    assert answers[0]["case"]["candidates"]
    assert all(answer == answers[0] for answer in answers)
