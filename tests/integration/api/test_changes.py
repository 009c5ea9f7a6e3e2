"""What changed since: in order, to the end, and to each caller what he may know of."""

from __future__ import annotations

import datetime as dt

import pytest

from api.opaque import Position, read_position, write_position
from api.queries.changes import last_before
from hub.settings import Settings
from pipeline.resolving.decisions import decide
from tests.integration.api.builders import Api, Store
from tests.integration.api.changing import LI, NOISE, SHOES, WAGES, WANG, case_of, follow, kinds, latest, page, record, settle
from tests.integration.pipeline.resolving import record_ids


def test_a_case_comes_grows_and_goes(api: Api, store: Store) -> None:
    clerk = api.as_("clerk", "labour")
    start = latest(clerk)
    settle(store.engine, record("police", "1", WANG, SHOES, **WAGES))
    case = case_of(store.engine, "police", "1")
    assert kinds(clerk, start) == [("created", case)]
    second = latest(clerk)
    settle(store.engine, record("labour", "7", WANG, SHOES, **WAGES))
    assert kinds(clerk, second) == [("updated", case)]
    third = latest(clerk)
    settle(store.engine, record("police", "1", is_deleted=True), record("labour", "7", is_deleted=True))
    assert kinds(clerk, third) == [("deleted", case)]
    assert kinds(clerk, latest(clerk)) == []
    assert {item["relation"] for item in follow(clerk, start)} == {"case", "person", "organisation"}


def test_merged_and_split_say_where_to(api: Api, store: Store) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    settle(engine, record("police", "1", WANG, SHOES, **WAGES))
    settle(engine, record("court", "3", LI, **NOISE))
    older, younger = case_of(engine, "police", "1"), case_of(engine, "court", "3")
    ids, since = record_ids(engine), latest(clerk)
    decide(engine, "case", (ids["police/1"], ids["court/3"]), "yes", decided_by="tester")
    settle(engine)
    merged = {item["id"]: item for item in follow(clerk, since, relation="case")}
    assert merged[younger]["kind"] == "merged"
    assert merged[younger]["into"] == older
    assert merged[older]["kind"] == "updated"
    since = latest(clerk)
    decide(engine, "case", (ids["police/1"], ids["court/3"]), "no", decided_by="tester")
    settle(engine)
    assert dict(map(reversed, kinds(clerk, since))) == {older: "split", younger: "created"}


def test_pages_miss_nothing_and_double_nothing(api: Api, store: Store) -> None:
    clerk = api.as_("clerk", "labour")
    start = latest(clerk)
    for number in range(4):
        settle(store.engine, *(record("court", f"{number}-{each}", title=f"案{number}{each}") for each in range(5)))
    whole = follow(clerk, start)
    assert len({(item["relation"], item["id"]) for item in whole}) == len(whole) == 20
    for limit in (1, 3, 7):
        assert [item["id"] for item in follow(clerk, start, limit=limit)] == [item["id"] for item in whole]
    for at, item in enumerate(whole):  # whoever goes on from any one gets the rest
        assert len(follow(clerk, item["cursor"])) == len(whole) - at - 1


@pytest.mark.parametrize("visibility", ["sealed", "restricted"])
def test_a_closed_record_makes_no_change_appear(api: Api, store: Store, visibility: str) -> None:
    clerk, admin, own = api.as_("clerk", "labour"), api.as_("admin"), api.as_("clerk", "procuratorate")
    settle(store.engine, record("police", "1", WANG, SHOES, **WAGES))
    case, since = case_of(store.engine, "police", "1"), latest(clerk)
    settle(store.engine, record("procuratorate", "9", WANG, SHOES, visibility=visibility, **WAGES))
    assert case_of(store.engine, "procuratorate", "9") == case
    settle(store.engine, record("procuratorate", "10", LI, visibility=visibility, **NOISE))
    alone = case_of(store.engine, "procuratorate", "10")
    settle(store.engine, record("procuratorate", "9", WANG, SHOES, visibility=visibility, **{**WAGES, "amount": 5}))
    settle(store.engine, record("procuratorate", "9", is_deleted=True))
    assert store.rows("SELECT 1 FROM store.change WHERE relation = 'person'")  # there was something to be told
    for other in (clerk, admin):
        assert follow(other, since) == []
    assert kinds(own, since) == [("updated", case), ("created", alone), ("updated", case), ("updated", case)]


def test_an_open_record_joining_a_sealed_case_is_its_beginning(api: Api, store: Store) -> None:
    clerk, since = api.as_("clerk", "labour"), latest(api.as_("clerk", "labour"))
    settle(store.engine, record("procuratorate", "9", WANG, SHOES, visibility="sealed", **WAGES))
    settle(store.engine, record("police", "1", WANG, SHOES, **WAGES))
    case = case_of(store.engine, "police", "1")
    assert case_of(store.engine, "procuratorate", "9") == case
    assert kinds(clerk, since) == [("created", case)]
    since = latest(clerk)
    settle(store.engine, record("police", "1", is_deleted=True))
    assert kinds(clerk, since) == [("deleted", case)]


def test_what_is_sealed_later_is_taken_back_once_and_not_told_again(api: Api, store: Store) -> None:
    clerk = api.as_("clerk", "labour")
    start = latest(clerk)
    settle(store.engine, record("police", "1", WANG, **WAGES))
    case = case_of(store.engine, "police", "1")
    settle(store.engine, record("police", "1", WANG, **{**WAGES, "amount": 7}))
    assert kinds(clerk, start) == [("created", case), ("updated", case)]
    since = latest(clerk)
    settle(store.engine, record("police", "1", WANG, visibility="sealed", **WAGES))
    assert kinds(clerk, since) == [("deleted", case)]
    assert kinds(clerk, start) == [("deleted", case)]


def test_a_change_that_shows_nothing_is_not_told(api: Api, store: Store) -> None:
    """A person gets a sealed mention while an open record of his is sent again as it was."""
    clerk = api.as_("clerk", "labour")
    settle(store.engine, record("police", "1", WANG, **WAGES))
    since = latest(clerk)
    settle(store.engine, record("police", "1", WANG, **WAGES), record("procuratorate", "9", WANG, visibility="sealed", **WAGES))
    assert store.rows("SELECT 1 FROM store.change WHERE kind = 'updated' AND relation = 'person'")
    assert follow(clerk, since) == []


def test_a_position_tells_nothing_and_cannot_be_made_up(api: Api, store: Store) -> None:
    clerk = api.as_("clerk", "labour")
    first, second = latest(clerk), latest(clerk)
    assert first != second  # even that nothing happened cannot be read from it
    for forged in ("WzEsMV0", first[:-2] + ("AA" if first[-2:] != "AA" else "BB"), "x" * 54, "纯属虚构"):
        answer = clerk.get("/v1/changes", params={"since": forged})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:casehub:problem:request"), forged


@pytest.mark.parametrize("moved", [Position(-1, 0), Position(1, 0), Position(0, 1)], ids=["former epoch", "next epoch", "beyond the end"])
def test_a_position_that_is_no_longer_told_is_gone(api: Api, store: Store, moved: Position) -> None:
    clerk, settings = api.as_("clerk", "labour"), Settings()
    store.run("UPDATE ops.change_counter SET epoch = 5")
    try:
        now = read_position(settings, latest(clerk))
        gone = write_position(settings, Position(now.epoch + moved.epoch, now.number + moved.number))
        for path in ("/v1/changes", "/v1/changes/stream"):
            answer = clerk.get(path, params={"since": gone})
            assert (answer.status_code, answer.json()["type"]) == (410, "urn:casehub:problem:position-expired")
            assert "since" in answer.json()["remedy"]
    finally:
        store.run("UPDATE ops.change_counter SET epoch = 1")


def test_it_is_not_for_everybody(api: Api) -> None:
    assert api.get("/v1/changes").status_code == 401
    assert api.as_("clerk", "labour").get("/v1/changes?wait=31").status_code == 422
    assert api.as_("clerk", "labour").get("/v1/changes?limit=0").status_code == 422
    assert api.as_("clerk", "labour").get("/v1/changes?relation=secret").status_code == 422


def test_ids_that_were_told_are_written_down(api: Api, store: Store) -> None:
    clerk = api.as_("clerk", "labour")
    settle(store.engine, record("police", "1", **NOISE))
    case = case_of(store.engine, "police", "1")
    assert kinds(clerk) == [("created", case)]
    (row,) = store.rows("SELECT entity_ids FROM audit.access WHERE action = 'changes.list'")
    assert [str(each) for each in row["entity_ids"]] == [case]


def test_only_so_many_days_are_told(api: Api, store: Store) -> None:
    for number in range(5):
        settle(store.engine, record("police", str(number), **NOISE))
    store.run(
        "UPDATE store.change SET at = at - interval '10 days' WHERE change_number <= (SELECT min(change_number) + 2 FROM store.change)"
    )
    with store.engine.connect() as connection:
        (old,) = connection.exec_driver_sql("SELECT max(change_number) FROM store.change WHERE at < now() - interval '5 days'").one()
        (epoch, last) = connection.exec_driver_sql("SELECT epoch, last_change FROM ops.change_counter").one()
        now = dt.datetime.now(dt.UTC)
        assert last_before(connection, Position(epoch, last), now - dt.timedelta(days=5)) == old
        assert last_before(connection, Position(epoch, last), now - dt.timedelta(days=50)) < old
    page(api.as_("clerk", "labour"))
