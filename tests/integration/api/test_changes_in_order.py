"""A property: while resolve writes, whoever polls gets exactly what a slow and simple reading of the tables says, in that order."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from typing import Any

import pytest

from tests.integration.api.builders import Api, Store
from tests.integration.api.changing import LI, NOISE, SHOES, WAGES, WANG, latest, page, record, settle
from tests.integration.pipeline.resolving import person

Told = tuple[str, str, str]


def expected(store: Store, own: str, since: int) -> list[Told]:
    """(relation, kind or "", id) of cases, from every version and membership there ever was."""
    changes = store.rows(f"SELECT * FROM store.change WHERE change_number > {since} ORDER BY change_number")
    starts: dict[Any, int] = {}
    for change in changes:
        starts.setdefault(change["at"], change["change_number"])
    versions, members = defaultdict(list), defaultdict(list)
    for row in store.rows("SELECT * FROM store.source_record WHERE known_from IS NOT NULL"):
        versions[row["record_id"]].append(row)
    named = defaultdict(list)
    for row in store.rows("SELECT record_id, version, name FROM store.party ORDER BY ordinal"):
        named[row["record_id"], row["version"]].append(row["name"])
    for row in store.rows("SELECT * FROM store.case_member"):
        members[str(row["case_id"])].append(row)

    def holds(row: dict[str, Any], moment: float) -> bool:
        return row["known_from"] <= moment and (row["known_to"] is None or row["known_to"] > moment)

    def state(case_id: str, moment: float) -> set[Any]:
        return {
            (version["record_id"], version["title"], version["text"], version["amount"], *named[version["record_id"], version["version"]])
            for member in members[case_id]
            if holds(member, moment)
            for version in versions[member["record_id"]]
            if holds(version, moment) and not version["is_deleted"] and (version["visibility"] == "shared" or version["department"] == own)
        }

    told = []
    for change in changes:
        if change["relation"] == "case":
            case_id, start = str(change["entity_id"]), starts[change["at"]]
            before, after = state(case_id, start - 0.5), state(case_id, start)
            if before != after:
                told.append(("case", "created" if not before else "gone" if not after else "changed", case_id))
    return told


def simple(item: dict[str, Any]) -> Told:
    kind = {"deleted": "gone", "merged": "gone", "created": "created"}.get(item["kind"], "changed")
    return item["relation"], kind, item["id"]


def work(store: Store, dice: random.Random, done: threading.Event) -> None:
    people = [WANG, LI, person("赵敏", phone="13912340003")]
    try:
        for _ in range(14):
            batch = {}
            for _ in range(dice.randint(1, 4)):
                dept, number = dice.choice(["police", "court", "labour", "procuratorate"]), str(dice.randint(1, 5))
                text = dice.choice([WAGES, NOISE])
                visibility = "sealed" if dept == "procuratorate" else "shared"
                batch[dept, number] = record(
                    dept,
                    number,
                    dice.choice(people),
                    SHOES,
                    is_deleted=dice.random() < 0.2,
                    **{**text, "visibility": visibility, "amount": dice.randint(1, 2)},
                )
            settle(store.engine, *batch.values(), chunk=2)
    finally:
        done.set()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_missed_doubled_or_out_of_order(api: Api, store: Store, seed: int) -> None:
    (begin,) = (row["last_change"] for row in store.rows("SELECT last_change FROM ops.change_counter"))
    callers = {"labour": api.as_("clerk", "labour"), "procuratorate": api.as_("clerk", "procuratorate")}
    since, done = latest(callers["labour"]), threading.Event()
    got: dict[str, list[Told]] = {dept: [] for dept in callers}

    def poll(dept: str) -> None:
        dice, at = random.Random(seed), since
        while True:
            is_over = done.is_set()
            found = page(callers[dept], since=at, limit=dice.choice([1, 2, 100]), wait=dice.choice([0, 0.2]), relation="case")
            got[dept] += map(simple, found["items"])
            at = found["next_cursor"]
            if is_over and found["is_complete"] and not found["items"]:
                return
            if not found["items"]:
                time.sleep(0.02)  # so that whoever writes comes to it, too

    threads = [threading.Thread(target=poll, args=(dept,)) for dept in callers]
    threads.append(threading.Thread(target=work, args=(store, random.Random(seed), done)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for dept, told in got.items():
        assert told == expected(store, dept, begin), dept
    assert len(got["procuratorate"]) > len(got["labour"]) > 10
