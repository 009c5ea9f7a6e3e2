"""What changes for its readers while all that the hub works out of it stays: values, columns, members."""

from __future__ import annotations

from typing import Any

import pytest

from api.policy import store as policies
from api.policy.document import DEFAULT, policy_of, read_policy
from tests.integration.api.builders import Api, Store
from tests.integration.api.changing import SHOES, WAGES, WANG, case_of, follow, kinds, latest, record, settle
from tests.integration.pipeline.resolving import Party, firm, parties, person, rows

HERE, THERE = "440311001001", "440311001002"
LATER = "2026-03-09T08:00:00Z"


@pytest.mark.parametrize(
    "said",
    [
        {"reply": "已责令改正"},
        {"fed_back_at": LATER},
        {"resolved_at": LATER},
        {"accepted_at": LATER},
        {"case_number": "深光劳人仲案〔2026〕5号"},
        {"references": [{"department": "court", "number": "1"}]},
    ],
    ids=lambda said: next(iter(said)),
)
def test_whatever_a_record_says_anew_is_told(api: Api, store: Store, said: dict[str, Any]) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    settle(engine, record("police", "1", WANG, SHOES, **WAGES))
    case, since = case_of(engine, "police", "1"), latest(clerk)
    settle(engine, record("police", "1", WANG, SHOES, **WAGES, **said))
    assert kinds(clerk, since) == [("updated", case)]
    assert follow(clerk, since, relation="person") == follow(clerk, since, relation="organisation") == []


@pytest.mark.parametrize(
    "named",
    [(WANG, SHOES), ({**WANG, "phone": "13912349999"},), ({**WANG, "id_type": "passport"},), ()],
    ids=["added", "phone", "id_type", "gone"],
)
def test_whom_a_record_names_otherwise_is_told_of_its_case(api: Api, store: Store, named: tuple[Party, ...]) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    settle(engine, record("police", "1", WANG, **WAGES))
    case, since = case_of(engine, "police", "1"), latest(clerk)
    settle(engine, record("police", "1", *named, **WAGES))
    assert kinds(clerk, since) == [("updated", case)]


@pytest.mark.parametrize(("relation", "party"), [("person", WANG), ("organisation", SHOES)])
def test_who_is_named_in_one_record_comes_and_goes_with_it(api: Api, store: Store, relation: str, party: Party) -> None:
    clerk, own, engine = api.as_("clerk", "labour"), api.as_("clerk", "police"), store.engine
    settle(engine, record("police", "1", party, **WAGES))
    (entity,) = parties(engine, relation).values()
    since = latest(clerk)
    settle(engine, record("police", "1", party, visibility="restricted", **WAGES))
    assert kinds(clerk, since, relation) == [("deleted", entity)]
    assert kinds(own, since, relation) == []
    since = latest(clerk)
    settle(engine, record("police", "1", party, **WAGES))
    assert kinds(clerk, since, relation) == [("created", entity)]
    assert kinds(own, since, relation) == []


def test_who_moves_to_another_community_comes_and_goes(fragile_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "FRESH_S", 0.0)
    document = read_policy(DEFAULT).model_dump(mode="json") | {"version": 1, "examples": []}
    document["roles"]["clerk"]["records"] = {"departments": "all", "places": [HERE]}
    engine = fragile_api.store.engine
    policies.propose(engine, policy_of(document), "li")
    policies.approve(engine, 1, "wang")
    clerk = fragile_api.as_("clerk", "petition")
    settle(engine, record("labour", "1", WANG, community=HERE, **WAGES))
    (entity,) = parties(engine).values()
    since = latest(clerk)
    settle(engine, record("labour", "1", WANG, community=THERE, **WAGES))
    assert kinds(clerk, since, "person") == [("deleted", entity)]
    since = latest(clerk)
    settle(engine, record("labour", "1", WANG, community=HERE, **WAGES))
    assert kinds(clerk, since, "person") == [("created", entity)]


def test_a_record_that_comes_again_as_it_was_changes_nothing(store: Store) -> None:
    said = {**WAGES, "reply": "已责令改正", "references": [{"department": "court", "number": "1"}]}
    named = (WANG, person("李秀英", role="respondent"), firm("深圳市维珍妮鞋业有限公司"))
    settle(store.engine, record("police", "1", *named, **said))
    before = rows(store.engine, "SELECT change_number FROM store.change")
    settle(store.engine, record("police", "1", *named, **said))
    assert rows(store.engine, "SELECT change_number FROM store.change") == before
