"""RESOLVE on a real store: who is one, whose id stays, what is written and what is not."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import Engine, text

from hub.settings import Settings
from pipeline.resolving import chunk as chunks
from pipeline.resolving.decisions import decide
from pipeline.resolving.resolve import resolve
from tests.integration.pipeline.resolving import (
    SETTINGS,
    Record,
    cases,
    clusters,
    credit_code,
    firm,
    golden,
    id_number,
    invariants,
    parties,
    party_ids,
    person,
    put,
    record,
    record_ids,
    rows,
    settle,
    snapshot,
)

WANG = person("王建国", id_no=id_number(1), phone="13912340001")
WANG_AGAIN = person("王建國", id_no=id_number(1))
LI = person("李秀英", id_no=id_number(2), phone="13912340002")
SHOES = firm("深圳市维珍妮鞋业有限公司", uscc=credit_code(1))
WAGES = {"text": "维珍妮鞋业拖欠三个月工资不发", "category": "wages", "occurred_at": "2026-02-27T00:00:00Z"}
NOISE = {
    "text": "楼下夜里打麻将吵得睡不着觉",
    "category": "noise",
    "occurred_at": "2025-06-01T00:00:00Z",
    "reported_at": "2025-06-01T00:00:00Z",
}


def test_people_firms_and_cases_are_recognised_across_departments(database: Engine) -> None:
    report = settle(
        database,
        record("police", "1", WANG, SHOES, **WAGES),
        record("labour", "7", WANG_AGAIN, SHOES, **WAGES),
        record("court", "3", LI, **NOISE),
    )
    assert clusters(parties(database)) == {frozenset({"police/1/0", "labour/7/0"}), frozenset({"court/3/0"})}
    assert clusters(parties(database, "organisation")) == {frozenset({"police/1/1", "labour/7/1"})}
    assert clusters(cases(database)) == {frozenset({"police/1", "labour/7"}), frozenset({"court/3"})}
    assert (report.records, report.chunks, report.persons, report.organisations, report.cases) == (3, 1, 2, 1, 2)
    assert rows(database, "SELECT count(*) FROM ops.pending") == [0]
    assert invariants(database) == []


def test_a_new_record_joins_what_is_there_and_keeps_its_id(database: Engine) -> None:
    settle(database, record("police", "1", WANG, SHOES, **WAGES))
    before = parties(database)["police/1/0"], cases(database)["police/1"]
    settle(database, record("labour", "7", WANG_AGAIN, SHOES, **WAGES))
    after = parties(database), cases(database)
    assert set(after[0].values()) == {before[0]}
    assert set(after[1].values()) == {before[1]}
    assert rows(database, "SELECT departments, mentions FROM store.person") == [(["labour", "police"], 2)]
    assert rows(database, "SELECT relation, kind FROM store.change WHERE change_number > 3 ORDER BY 1") == [
        ("case", "updated"),
        ("organisation", "updated"),
        ("person", "updated"),
    ]
    assert invariants(database) == []


def test_ids_derive_from_the_founding_version(database: Engine, database_url: str) -> None:
    settle(database, record("police", "1", WANG))
    (case_id,) = rows(database, "SELECT case_id::text FROM store.unified_case")
    with database.begin() as connection:  # the same feed in another store, where record ids differ
        connection.execute(
            text("TRUNCATE store.unified_case, store.own_case, store.case_member, store.case_key, store.case_key_list, store.golden_record")
        )
        connection.execute(text("TRUNCATE store.person, store.person_member, store.person_key, store.person_key_list"))
        connection.execute(text("TRUNCATE store.source_record, store.party"))
    settle(database, record("court", "8", LI), record("police", "1", WANG))
    assert cases(database)["police/1"] == case_id


def test_a_merge_keeps_the_older_id_and_redirects_the_younger(database: Engine) -> None:
    phone_only = person("王建国", phone="13912340001", address="马田街道将石社区南环大道12号")
    number_only = person("王建国", id_no=id_number(1))
    settle(database, record("police", "1", phone_only), record("court", "2", number_only))
    apart = parties(database)
    assert apart["police/1/0"] != apart["court/2/0"]
    settle(
        database, record("labour", "3", person("王建国", id_no=id_number(1), phone="13912340001", address="马田街道将石社区南环大道12号"))
    )
    assert set(parties(database).values()) == {apart["police/1/0"]}
    assert rows(database, "SELECT from_id::text, to_id::text FROM store.redirect WHERE known_to IS NULL") == [
        (apart["court/2/0"], apart["police/1/0"])
    ]
    kinds = dict(rows(database, "SELECT entity_id::text, kind FROM store.change WHERE relation = 'person' ORDER BY change_number"))
    assert kinds == {apart["police/1/0"]: "updated", apart["court/2/0"]: "merged"}
    assert golden(database, apart["court/2/0"]) == {}
    assert invariants(database) == []


def test_unmerging_gives_back_members_ids_and_values_while_history_grows(database: Engine) -> None:
    phone_only = person("王建国", phone="13912340001", address="马田街道将石社区南环大道12号")
    number_only = person("王建国", id_no=id_number(1))
    bridge = person("王建国", id_no=id_number(1), phone="13912340001", address="马田街道将石社区南环大道12号")
    settle(database, record("police", "1", phone_only), record("court", "2", number_only))
    before = parties(database), {entity: golden(database, entity) for entity in parties(database).values()}
    settle(database, record("labour", "3", bridge))
    merged_rows = rows(database, "SELECT count(*) FROM store.person_member")[0]
    settle(database, record("labour", "3", is_deleted=True))
    assert parties(database) == before[0]
    assert {entity: golden(database, entity) for entity in before[0].values()} == before[1]
    assert rows(database, "SELECT count(*) FROM store.redirect WHERE known_to IS NULL") == [0]
    assert rows(database, "SELECT count(*) FROM store.redirect") == [1]
    assert rows(database, "SELECT count(*) FROM store.person_member")[0] > merged_rows
    assert invariants(database) == []


def test_an_id_that_gave_way_leads_nowhere_once_all_of_both_is_deleted(database: Engine) -> None:
    phone_only = person("王建国", phone="13912340001", address="马田街道将石社区南环大道12号")
    number_only = person("王建国", id_no=id_number(1))
    bridge = person("王建国", id_no=id_number(1), phone="13912340001", address="马田街道将石社区南环大道12号")
    settle(database, record("police", "1", phone_only), record("court", "2", number_only))
    apart = parties(database)
    settle(database, record("labour", "3", bridge))
    redirects = "SELECT from_id::text, to_id::text FROM store.redirect WHERE known_to IS NULL"
    assert rows(database, redirects) == [(apart["court/2/0"], apart["police/1/0"])]
    settle(database, *(record(*key, is_deleted=True) for key in (("police", "1"), ("court", "2"), ("labour", "3"))))
    assert rows(database, redirects) == []
    assert invariants(database) == []
    # The founder of the one that stayed comes back within another.
    settle(database, record("health", "9", phone_only))
    settle(database, record("police", "1", phone_only))
    now = parties(database)
    assert now["police/1/0"] == now["health/9/0"] not in apart.values()
    assert rows(database, redirects) == [(apart["police/1/0"], now["health/9/0"])]
    # The founder of the one that gave way comes back, older than that other.
    settle(database, record("court", "2", number_only))
    assert parties(database)["court/2/0"] == apart["court/2/0"] != now["health/9/0"]
    settle(database, record("labour", "3", bridge))
    assert sorted(rows(database, redirects)) == sorted((one, apart["court/2/0"]) for one in (apart["police/1/0"], now["health/9/0"]))
    assert invariants(database) == []


def test_an_id_that_gave_way_leads_on_when_what_it_became_is_restored(database: Engine) -> None:
    """Also where its founder is gone for good: by a member that was in it to the last."""
    phone_only = person("王建国", phone="13912340001", address="马田街道将石社区南环大道12号")
    number_only = person("王建国", id_no=id_number(1))
    bridge = person("王建国", id_no=id_number(1), phone="13912340001", address="马田街道将石社区南环大道12号")
    settle(database, record("police", "1", phone_only), record("court", "2", number_only), record("court", "5", number_only))
    apart = parties(database)
    settle(database, record("court", "2", is_deleted=True))
    last = record("police", "1", phone_only), record("labour", "3", bridge), record("court", "5", number_only)
    settle(database, last[1])
    redirects = "SELECT from_id::text, to_id::text FROM store.redirect WHERE known_to IS NULL"
    merged = [(apart["court/5/0"], apart["police/1/0"])]
    assert rows(database, redirects) == merged
    settle(database, *(record(one.department, one.number, is_deleted=True) for one in last))
    assert rows(database, redirects) == []
    settle(database, *last)
    assert set(parties(database).values()) == {apart["police/1/0"]}
    assert rows(database, redirects) == merged
    assert invariants(database) == []


def test_a_split_leaves_the_id_with_the_founder(database: Engine) -> None:
    settle(database, record("police", "1", WANG), record("court", "2", WANG_AGAIN))
    (shared,) = set(parties(database).values())
    settle(database, record("court", "2", person("王建國", id_no=id_number(5))))
    after = parties(database)
    assert after["police/1/0"] == shared
    assert after["court/2/0"] != shared
    assert invariants(database) == []


def test_a_no_keeps_two_apart_for_ever(database: Engine) -> None:
    settle(database, record("police", "1", WANG), record("court", "2", WANG_AGAIN))
    ids = party_ids(database)
    (shared,) = set(parties(database).values())
    decide(database, "person", (ids["court/2/0"], ids["police/1/0"]), "no", decided_by="clerk")
    resolve(database, SETTINGS)
    apart = parties(database)
    assert apart["police/1/0"] == shared
    assert apart["court/2/0"] != shared
    assert rows(database, "SELECT decision, decided_by FROM store.link WHERE known_to IS NULL AND relation = 'person'") == [
        ("cannot_link", "clerk")
    ]
    settle(database, record("labour", "3", person("王建国", id_no=id_number(1), phone="13912340001")))
    settle(database, record("police", "1", person("王建国", id_no=id_number(1), phone="13912340009")))
    again = parties(database)
    assert again["police/1/0"] != again["court/2/0"]
    assert rows(database, "SELECT count(*) FROM ops.decision WHERE applied_change IS NULL") == [0]
    assert rows(
        database,
        "SELECT kind FROM store.change WHERE relation = 'person' AND entity_id = CAST(:id AS uuid) ORDER BY change_number",
        id=shared,
    )[:2] == [
        "created",
        "split",
    ]
    assert invariants(database) == []


def test_a_yes_links_what_the_engine_would_not_and_a_later_no_parts_it(database: Engine) -> None:
    settle(database, record("police", "1", WANG), record("court", "2", LI | {"id_no": None, "id_type": None}))
    ids, before = party_ids(database), parties(database)
    pair = (ids["police/1/0"], ids["court/2/0"])
    decide(database, "person", pair, "yes", decided_by="clerk", reason="married name")
    report = resolve(database, SETTINGS)
    assert report.chunks == 1
    assert set(parties(database).values()) == {before["police/1/0"]}
    settle(database, record("court", "2", LI | {"id_no": None, "id_type": None, "address": "马田街道"}))
    assert set(parties(database).values()) == {before["police/1/0"]}
    decide(database, "person", pair, "no", decided_by="other clerk")
    resolve(database, SETTINGS)
    assert parties(database) == before
    assert rows(database, "SELECT count(*) FROM store.redirect WHERE known_to IS NULL") == [0]
    assert invariants(database) == []


def test_a_decision_on_cases_moves_records(database: Engine) -> None:
    settle(database, record("police", "1", WANG, **WAGES), record("court", "2", LI, **NOISE))
    ids = record_ids(database)
    decide(database, "case", (ids["police/1"], ids["court/2"]), "yes", decided_by="clerk")
    resolve(database, SETTINGS)
    assert clusters(cases(database)) == {frozenset({"police/1", "court/2"})}
    assert rows(database, "SELECT records, departments FROM store.unified_case WHERE known_to IS NULL") == [(2, ["court", "police"])]


def test_a_tombstone_takes_the_record_out_and_its_return_brings_it_back(database: Engine) -> None:
    settle(database, record("police", "1", WANG, SHOES, **WAGES), record("labour", "7", WANG_AGAIN, SHOES, **WAGES))
    before = cases(database), parties(database)
    settle(database, record("police", "1", is_deleted=True))
    assert cases(database) == {"labour/7": before[0]["labour/7"]}
    assert parties(database) == {"labour/7/0": before[1]["labour/7/0"]}
    assert rows(database, "SELECT departments, records FROM store.unified_case") == [(["labour"], 1)]
    assert rows(database, "SELECT count(*) FROM store.link WHERE known_to IS NULL") == [0]
    assert invariants(database) == []
    settle(database, record("labour", "7", is_deleted=True))
    assert rows(database, "SELECT kind FROM store.change ORDER BY change_number DESC LIMIT 3") == ["deleted"] * 3
    assert rows(database, "SELECT count(*) FROM store.golden_value WHERE known_to IS NULL") == [0]
    settle(database, record("police", "1", WANG, SHOES, **WAGES))
    assert cases(database) == {"police/1": before[0]["police/1"]}
    assert invariants(database) == []


def test_a_value_that_goes_and_comes_back_reaches_the_case_each_time(database: Engine) -> None:
    for status in ("received", "resolved", "received"):
        settle(database, record("police", "1", WANG, status=status, **WAGES))
        assert rows(database, "SELECT status FROM store.unified_case") == [status]
    (case_id,) = set(cases(database).values())
    history = rows(database, "SELECT value, known_to IS NULL FROM store.golden_value WHERE field = 'status' ORDER BY known_from")
    assert history == [("received", False), ("resolved", False), ("received", True)]
    kinds = rows(database, "SELECT kind FROM store.change WHERE relation = 'case' ORDER BY change_number")
    assert kinds == ["created", "updated", "updated"]
    assert rows(database, "SELECT version, known_to IS NULL FROM store.source_record ORDER BY version") == [
        (1, False),
        (2, False),
        (3, True),
    ]
    assert golden(database, case_id)["status"] == [("received", [record_ids(database)["police/1"]])]


def test_versions_that_wait_together_leave_only_the_newest(database: Engine) -> None:
    put(database, record("police", "1", WANG, status="received"), record("police", "1", LI, status="resolved"))
    resolve(database, SETTINGS)
    assert rows(database, "SELECT version, known_from = known_to FROM store.source_record ORDER BY version") == [(1, True), (2, None)]
    assert [value for value, _ in golden(database, parties(database)["police/1/0"])["name"]] == ["李秀英"]
    assert invariants(database) == []


def test_records_of_any_time_are_taken_and_each_once(database: Engine) -> None:
    put(database, *(record("police", str(number)) for number in range(5)))
    with database.begin() as connection:  # before 1970, none, one second twice, long to come
        times = "SELECT record_id, (ARRAY[-3000000000, 0, 1760000000, 1760000000, 9000000000])[row_number() OVER ()] AS s FROM ops.pending"
        connection.execute(text(f"UPDATE ops.pending p SET reported_epoch_s = t.s FROM ({times}) t WHERE t.record_id = p.record_id"))
    report = resolve(database, Settings(resolve_chunk_records=2))
    assert (report.chunks, report.records) == (3, 5)
    assert rows(database, "SELECT count(*) FROM ops.pending") == [0]


def test_resolving_the_same_again_changes_nothing_that_is_shown(database: Engine) -> None:
    settle(database, record("police", "1", WANG, SHOES, **WAGES), record("labour", "7", WANG_AGAIN, SHOES, **WAGES))
    tables = [
        table for table in snapshot(database) if table not in ("ops.pending", "ops.change_counter", "store.case_key", "store.case_key_list")
    ]
    before = {table: snapshot(database)[table] for table in tables}
    with database.begin() as connection:
        connection.execute(text("INSERT INTO ops.pending (record_id, reason) SELECT record_id, 'changed' FROM store.source_record"))
    resolve(database, SETTINGS)
    assert {table: snapshot(database)[table] for table in tables} == before


def test_nothing_waiting_writes_nothing(database: Engine) -> None:
    settle(database, record("police", "1", WANG))
    before = snapshot(database)
    report = resolve(database, SETTINGS)
    assert (report.chunks, report.is_busy) == (0, False)
    assert snapshot(database) == before


def test_nothing_waiting_imports_nothing_heavy(database_url: str) -> None:
    script = (
        "import sys; from sqlalchemy import create_engine\n"
        "from hub.settings import Settings; from pipeline.resolving.resolve import resolve\n"
        f"resolve(create_engine({database_url!r}), Settings())\n"
        "print(sorted({'polars', 'pyarrow', 'scipy', 'matching'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_second_resolve_steps_back(database: Engine) -> None:
    put(database, record("police", "1", WANG))
    with database.connect() as other:
        other.execute(text("SELECT pg_advisory_lock(4704, hashtext('resolve'))"))
        report = resolve(database, SETTINGS)
        assert report.is_busy
        assert rows(database, "SELECT count(*) FROM ops.pending") == [1]
        other.execute(text("SELECT pg_advisory_unlock(4704, hashtext('resolve'))"))
    assert resolve(database, SETTINGS).records == 1


def test_breaking_off_loses_one_chunk_and_the_next_run_goes_on(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    put(database, *(record("police", str(number), person(f"王建{number}", id_no=id_number(number))) for number in range(6)))
    honest, calls = chunks.update_reviews, []

    def breaking(*arguments: object) -> int:
        calls.append(1)
        if len(calls) == 4:  # in the middle of the second chunk, after links and members were written
            raise KeyboardInterrupt
        return honest(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(chunks, "update_reviews", breaking)
    with pytest.raises(KeyboardInterrupt):
        resolve(database, Settings(resolve_chunk_records=2))
    assert rows(database, "SELECT count(*) FROM ops.pending") == [4]
    assert len(cases(database)) == 2
    assert invariants(database) == []
    assert resolve(database, Settings(resolve_chunk_records=2)).records == 4
    assert len(cases(database)) == 6
    assert invariants(database) == []


def test_a_number_cited_before_its_record_arrives_links_when_it_does(database: Engine) -> None:
    cited = {"references": [{"department": "labour", "number": "深光劳仲案〔2026〕12号"}]}
    settle(database, record("court", "1", person("赵铁柱"), text="楼下夜里打麻将吵得睡不着觉", **cited))
    settle(database, record("labour", "9", person("钱多多"), case_number="深光劳仲案〔2026〕12号", **WAGES))
    assert clusters(cases(database)) == {frozenset({"court/1", "labour/9"})}


def test_a_party_that_becomes_another_has_its_record_looked_at_again(database: Engine) -> None:
    """The records share a petitioner only once a third shows that the two names are one person."""
    thirst = {"title": "停水", "text": "小区停水三天没人管", "category": "property_management", "occurred_at": "2026-02-27T00:00:00Z"}
    phone_only = person("王建国", phone="13912340001", address="马田街道将石社区南环大道12号")
    number_only = person("王建国", id_no=id_number(1))
    settle(database, record("police", "1", phone_only, **thirst), record("court", "2", number_only, **thirst))
    settle(database, record("labour", "3", phone_only | {"id_no": id_number(1), "id_type": "resident_id"}, **NOISE))
    sides = rows(
        database,
        "SELECT l.levels ->> 'petitioner' FROM store.link l WHERE relation = 'case' AND known_to IS NULL AND left_id = 1 AND right_id = 2",
    )
    assert sides == ["shared"]


def test_golden_values_say_who_states_them(database: Engine) -> None:
    settle(
        database,
        record("petition", "1", person("王建国", id_no=id_number(1), phone="13912340001"), updated_at="2026-03-02T00:00:00Z"),
        record("police", "2", person("王建國", id_no=id_number(1), phone="13912340001"), updated_at="2026-03-01T00:00:00Z"),
        record("court", "3", person("王建国", id_no=id_number(1), phone="13999990000"), updated_at="2026-03-03T00:00:00Z"),
    )
    (entity,) = set(parties(database).values())
    ids = record_ids(database)
    values = golden(database, entity)
    assert values["name"] == [("王建國", [ids["police/2"]]), ("王建国", [ids["court/3"], ids["petition/1"]])]  # the police issue names
    assert values["phone"] == [("13999990000", [ids["court/3"]]), ("13912340001", [ids["petition/1"], ids["police/2"]])]


def test_sealed_and_restricted_records_stay_out_of_what_everybody_sees(database: Engine) -> None:
    settle(
        database,
        record("police", "1", WANG, SHOES, **WAGES),
        record("procuratorate", "2", WANG_AGAIN, SHOES, **WAGES, visibility="sealed", status="resolved", updated_at="2027-01-01T00:00:00Z"),
        record("court", "3", WANG_AGAIN, SHOES, **WAGES, visibility="restricted", grade="red"),
    )
    assert rows(database, "SELECT departments, records, has_sealed, status, grade FROM store.unified_case WHERE known_to IS NULL") == [
        (["court", "police"], 2, True, None, None)
    ]
    assert rows(database, "SELECT departments, mentions FROM store.person WHERE known_to IS NULL") == [(["court", "police"], 2)]
    (case_id,) = set(cases(database).values())
    assert golden(database, case_id)["status"] == [("resolved", [record_ids(database)["procuratorate/2"]])]


def test_a_firm_named_alike_in_many_records_is_compared_once(database: Engine) -> None:
    many = [record("labour", str(number), person(f"工人{number}", id_no=id_number(number)), SHOES) for number in range(60)]
    settle(database, *many, chunk=20)
    assert len(clusters(parties(database, "organisation"))) == 1
    assert rows(database, "SELECT count(*) FROM store.link WHERE relation = 'organisation' AND known_to IS NULL") == [59]
    assert rows(database, "SELECT count(DISTINCT party_id) FROM store.organisation_key") == [1]
    assert rows(database, "SELECT mentions FROM store.organisation") == [60]
    settle(database, record("labour", "0", is_deleted=True))  # the one that the others were compared with
    assert len(clusters(parties(database, "organisation"))) == 1
    assert rows(database, "SELECT mentions FROM store.organisation") == [59]
    assert rows(database, "SELECT count(DISTINCT party_id) FROM store.organisation_key") == [1]
    assert invariants(database) == []


def test_a_mention_between_two_firms_that_stay_two_changes_one_of_them(database: Engine) -> None:
    def numbers() -> dict[str, int]:
        return dict(rows(database, "SELECT organisation_id::text, changed FROM store.organisation WHERE known_to IS NULL"))

    for number in (1, 2):
        namesake = firm("深圳市维珍妮鞋业有限公司", uscc=credit_code(number), address=f"光明区松白路{number}号")
        settle(database, *(record("labour", f"{number}-{place}", LI, namesake, **WAGES) for place in range(3)))
    before = numbers()
    assert {len(one) for one in clusters(parties(database, "organisation"))} == {3}
    settle(database, record("court", "9", firm("深圳市维珍妮鞋业有限公司", address="光明区松白路2号")))
    assert {len(one) for one in clusters(parties(database, "organisation"))} == {3, 4}
    assert len(numbers().items() - before.items()) == 1  # who watches the other is told nothing
    assert invariants(database) == []


def test_who_was_spared_a_comparison_is_found_once_the_one_that_spared_it_says_otherwise(database: Engine) -> None:
    shoes, code = SHOES["name"], credit_code(1)
    settle(database, record("labour", "1", SHOES))
    settle(database, record("court", "2", SHOES))  # compared with the first alone, which stands for it
    settle(database, record("labour", "1", firm("深圳市宝恒达电子有限公司", uscc=code)))
    settle(database, record("police", "3", firm(shoes)))
    found = parties(database, "organisation")
    assert found["police/3/0"] == found["court/2/0"]
    assert invariants(database) == []


def test_each_of_a_crowd_is_found_after_all_have_changed(database: Engine) -> None:
    def member(number: int, **values: str) -> Record:
        return record(
            "labour", str(number), person("欧阳震华", id_no=id_number(number), phone=f"138{number:02}{number:02}{number:04}", **values)
        )

    settle(database, *(member(number) for number in range(1, 25)))
    settle(database, *(member(number, address="劳动东路12号") for number in range(1, 25)))
    for number in (1, 12, 24):  # a digit of whose phone is written otherwise
        phone = f"138{number:02}{number:02}{number:04}"
        near = person("欧阳震华", birth_date="1980-01-01", phone=f"{phone[:-1]}{(int(phone[-1]) + 5) % 10}")
        settle(database, record("court", str(number), near))
        found = parties(database)
        assert found[f"court/{number}/0"] == found[f"labour/{number}/0"]
    assert invariants(database) == []


def test_an_id_leads_to_where_its_founder_has_come_back(database: Engine) -> None:
    settle(database, record("police", "1", WANG))
    former = parties(database)["police/1/0"]
    settle(database, record("police", "1", is_deleted=True))
    settle(database, record("court", "2", WANG))
    settle(database, record("police", "1", WANG))
    now = parties(database)["police/1/0"]
    assert now == parties(database)["court/2/0"] != former
    redirects = "SELECT from_id::text, to_id::text FROM store.redirect WHERE relation = 'person' AND known_to IS NULL"
    assert rows(database, redirects) == [(former, now)]
    settle(database, record("police", "1", is_deleted=True))
    settle(database, record("court", "2", is_deleted=True))
    settle(database, record("police", "1", WANG))
    assert parties(database)["police/1/0"] == former
    assert rows(database, redirects) == []
    assert invariants(database) == []


@pytest.mark.parametrize("phone", ["13912340001", "13800138000", None])
def test_two_that_share_no_key_any_more_part_as_they_would_at_once(database: Engine, phone: str | None) -> None:
    first = [record("court", "1", person("欧陽震華", phone="13912340000")), record("police", "2", person("欧陽震華", phone="13912340000"))]
    settle(database, *first)
    assert len(set(parties(database).values())) == 1
    settle(database, record("police", "2", person("欧陽震華", phone=phone)))
    assert len(set(parties(database).values())) == 2
    settle(database, first[1])
    assert len(set(parties(database).values())) == 1


def test_levels_that_weigh_the_same_are_told_as_they_are_used(database: Engine) -> None:
    told = "SELECT levels ->> 'address', match_weight, known_to IS NULL FROM store.link WHERE relation = 'organisation' ORDER BY known_from"
    inside, before = (firm("深圳市维珍妮鞋业有限公司", address=f"光明街道长春路12号{building}") for building in ("3栋", ""))
    settle(database, record("labour", "1", inside), record("court", "2", inside))
    settle(database, record("court", "2", before))
    (first, weight, _), (second, as_much, _) = was, now = rows(database, told)
    assert (first, second) == ("building", "number") and weight == as_much
    assert not was[2] and now[2]
    settle(database, record("court", "2", before, title="另一个标题"))  # nothing of the link is another, and it stays as it was written
    assert rows(database, told) == [was, now]
