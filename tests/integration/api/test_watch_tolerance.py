"""A query watch tells of what the search finds, however it is typed, and looks at what changed alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from api.state import Hub
from api.watches.evaluate import evaluate
from schema.search import search_tokens
from tests.integration.api.builders import Api, Store
from tests.integration.api.changing import NOISE, WAGES, case_of, record, settle
from tests.integration.api.counting import statements
from tests.integration.api.receiving import worker
from tests.integration.api.test_watches import told, watch
from tests.integration.pipeline.resolving import Record, firm, id_number, person

WANG = person("王小明", id_no=id_number(1), phone="13800138000")
ZHANG = person("張偉", phone="0755-27001234")
FIRM = firm("深圳市维珍妮鞋业有限公司")
COURT = "(2025)粤0311民初99号"
ENTRIES = (
    *("王小明", "王晓明", "王晓鸣", "王小民", "王明小", "王少明", "王小小明", "wangxiaoming", "Wang Xiao Ming", "wxm", "李四"),
    *("张伟", "张偉", "章伟", "zhangwei", "维珍妮有限公司", "维真妮鞋业", "维珍你鞋业有限公司", "weizhenni", "维珍妮"),
    *("000123", "50103000", "0311民初99", "民初98", "8000", "138000", "1234", WANG["id_no"][-4:], WANG["id_no"][-6:], "13800138000"),
    *(COURT, "（2025）粤0311民初99号", "(2025)粤0311民初98号", "拖欠工資", "拖欠 工资", "打麻将", "%000123", "8_00", "0001%"),
)


@pytest.fixture
def hub(api: Api, store: Store) -> Iterator[Hub]:
    with worker(store.engine) as found:
        yield found


def written(department: str, number: str, party: dict[str, Any], **values: Any) -> Record:
    """A record with the words that NORMALISE finds it by."""
    tokens = search_tokens(pl.Series([f"{values['text']} {party['name']} {number}"]))[0]
    return record(department, number, party, tokens=tokens, case_number=number, **values)


def without_purpose(client: Api) -> Api:
    for name in ("X-Purpose", "X-Case-Reference"):
        del client.headers[name]
    return client


def watch_all(client: Api, entries: tuple[str, ...]) -> dict[str, str]:
    return {q: watch(client, "query", query={"q": q}) for q in entries}


@pytest.mark.parametrize("dept", ["labour", "petition"])
def test_a_watch_tells_of_what_the_search_finds(api: Api, store: Store, hub: Hub, dept: str) -> None:
    clerk, engine = without_purpose(api.as_("clerk", dept)), store.engine
    made = watch_all(clerk, ENTRIES)
    settle(
        engine,
        written("petition", "GMXF20250103000123", WANG, **WAGES),
        written("court", COURT, ZHANG, **NOISE),
        written("labour", "LD2025-0103-0017", FIRM, **{**WAGES, "text": "工伤争议", "occurred_at": "2024-02-27T00:00:00Z"}),
    )
    evaluate(hub)
    found = {q: {case_id for _, case_id in told(clerk, watch_id)} for q, watch_id in made.items()}
    assert found == {q: set(clerk.ids(q=q)) for q in ENTRIES}
    three = [case_of(engine, *each) for each in (("petition", "GMXF20250103000123"), ("court", COURT), ("labour", "LD2025-0103-0017"))]
    assert len(set(three)) == 3
    assert [found["王晓明"], found["zhangwei"], found["维真妮鞋业"]] == [{each} for each in three]
    assert (found["李四"], found["138000"], found["1234"]) == (set(), set(), set())


def test_many_who_agree_closer_end_the_tolerance_of_a_slip(api: Api, store: Store, hub: Hub) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    few, many = watch(clerk, "query", query={"q": "欧阳震华"}), watch(clerk, "query", query={"q": "王小明"})
    settle(engine, *(record("petition", f"P{n}", person("王小明", phone=f"139000000{n:02d}"), **NOISE) for n in range(20)))
    evaluate(hub)
    before = len(told(clerk, many))
    settle(engine, record("court", "C1", person("王少明"), **WAGES), record("court", "C2", person("欧阳少华"), **NOISE))
    evaluate(hub)
    assert len(told(clerk, many)) == before
    assert case_of(engine, "court", "C1") not in clerk.ids(q="王小明")
    assert [case_id for _, case_id in told(clerk, few)] == [case_of(engine, "court", "C2")]


def test_words_that_stand_somewhere_are_not_taken_for_a_sound(api: Api, store: Store, hub: Hub) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    watch_id = watch(clerk, "query", query={"q": "抛物"})
    settle(engine, record("petition", "P1", person("抛悟"), **NOISE))
    evaluate(hub)
    assert len(told(clerk, watch_id)) == 1  # nothing says these words: they may be somebody's name
    settle(engine, written("court", "C1", person("李四"), **{**WAGES, "text": "高空抛物"}))
    evaluate(hub)
    settle(engine, record("petition", "P2", person("抛误"), **{**NOISE, "occurred_at": "2022-06-01T00:00:00Z", "text": "井盖丢失"}))
    evaluate(hub)
    assert {case_id for _, case_id in told(clerk, watch_id)[1:]} == {case_of(engine, "court", "C1")}


@pytest.mark.parametrize("visibility", ["sealed", "restricted"])
def test_a_closed_record_is_found_in_no_tolerant_way(api: Api, store: Store, hub: Hub, visibility: str) -> None:
    clerk, own, engine = (*(api.as_("clerk", dept) for dept in ("labour", "procuratorate")), store.engine)
    loose = ("王晓明", "wangxiaoming", "wxm", "8000", "EAL99", "王少明")
    theirs, his = watch_all(clerk, loose), watch_all(own, loose)
    settle(engine, written("court", "3", ZHANG, **NOISE), written("procuratorate", "SEAL991", WANG, visibility=visibility, **WAGES))
    evaluate(hub)
    assert [told(clerk, each) for each in theirs.values()] == [[]] * len(loose)
    assert all(told(own, each) for each in his.values())


def test_what_an_evaluation_asks_grows_with_what_changed_not_with_the_store(api: Api, store: Store, hub: Hub) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    watch_all(clerk, ENTRIES)
    many = [record("petition", f"P{n}", person(f"赵{chr(0x4E00 + n)}", phone=f"139000000{n:02d}"), **NOISE) for n in range(30)]
    sent = []
    for changed in ([record("court", "1", WANG, **WAGES)], many, [record("court", "1", WANG, amount=7, **WAGES)]):
        settle(engine, *changed)
        with statements() as seen:
            evaluate(hub)
        sent.append([one for one in seen if "ops.policy" not in one])
    assert len(sent[2]) <= len(sent[0])  # the first opens a login's connections too
    assert sum("p.kind FROM" in one for one in sent[2]) == 1  # names are read once for all watches
    assert not any("find_tails" in one or "find_numbers" in one for one in sent[2])
    assert sum("find_words" in one for one in sent[2]) == 1  # of 王小小明: words that stand nowhere may be a name
