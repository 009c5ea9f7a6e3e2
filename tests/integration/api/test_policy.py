"""Policies in force: two people bring one in, and from then on every answer keeps to it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

from api.export import running
from api.policy import store as policies
from api.policy.document import DEFAULT, Policy, policy_of, read_policy
from cli.acting import os_account, os_user
from cli.policy import app
from hub.errors import AccessDenied, ContractError, HubError, NotFound, RequestError
from hub.settings import get_settings
from schema import tables
from tests.integration.api.builders import PURPOSE, Api, Store
from tests.integration.api.changing import NOISE, latest, page, record, settle
from tests.integration.api.waiting import wait_for

HERE, THERE = "440311001001", "440311001002"
PERSON = {"name": "王小明", "id_no": "440311199001011234", "phone": "13800138000", "address": "光明街道1号"}


def policy(version: int, **changed: Any) -> Policy:
    """The hub's own policy with other rules for clerks."""
    document = read_policy(DEFAULT).model_dump(mode="json") | {"version": version, "examples": []}
    document["masking"] = changed.pop("masking", document["masking"])
    document["roles"]["clerk"] |= changed
    return policy_of(document)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server looks for a new policy at every request."""
    monkeypatch.setattr(policies, "FRESH_S", 0.0)


@pytest.fixture
def api(fragile_api: Api) -> Api:
    """On a store of the test's own: no policy that was in force is ever forgotten."""
    return fragile_api


@pytest.fixture
def bring_in(api: Api) -> Any:
    """Bring a policy into force."""
    versions = itertools.count(1)

    def put(**changed: Any) -> int:
        wanted = policy(next(versions), **changed)
        policies.propose(api.store.engine, wanted, "li")
        policies.approve(api.store.engine, wanted.version, "wang")
        return wanted.version

    return put


def test_a_policy_wants_two_people(store: Store) -> None:
    engine = store.engine
    policies.propose(engine, policy(1), "li")
    with pytest.raises(AccessDenied, match="two people"):
        policies.approve(engine, 1, "li")
    with pytest.raises(IntegrityError):  # nor does the database let it pass
        store.run("UPDATE ops.policy SET state = 'in_force', approved_by = 'li'")
    policies.approve(engine, 1, "wang")
    with pytest.raises(NotFound):
        policies.approve(engine, 1, "wang")
    with pytest.raises(RequestError, match="not above"):
        policies.propose(engine, policy(1), "li")
    policies.propose(engine, policy(2), "li")
    policies.propose(engine, policy(3), "li")
    policies.approve(engine, 3, "wang")
    with pytest.raises(RequestError, match="3 is in force"):
        policies.approve(engine, 2, "wang")
    policies.withdraw(engine, 2)
    with pytest.raises(NotFound):
        policies.withdraw(engine, 2)
    assert [(each.version, each.state) for each in policies.list_policies(engine)] == [(3, "in_force"), (2, "withdrawn"), (1, "replaced")]
    with pytest.raises(NotFound):
        policies.policy_version(engine, 9)


def test_without_a_purpose_nothing_is_clear(api: Api, store: Store) -> None:
    case_id = store.case(store.record("labour", "1", [PERSON], title="王小明来电13800138000"))
    clerk = api.as_("clerk", "labour")
    assert PERSON["phone"] in clerk.get(f"/v1/cases/{case_id}?include=parties").text
    for name in PURPOSE:
        del clerk.headers[name]
    answer = clerk.get(f"/v1/cases/{case_id}?include=parties,records,lineage")
    assert answer.status_code == 200
    for value in PERSON.values():
        assert value not in answer.text
    assert "王小明" not in clerk.post("/v1/cases/search", json={}).text


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        pytest.param({"X-Purpose": "curiosity", "X-Case-Reference": "1"}, "handling", id="none of the policy's"),
        pytest.param({"X-Purpose": "handling"}, "X-Case-Reference", id="no case"),
        pytest.param({"X-Case-Reference": "1"}, "handling", id="a case alone"),
        pytest.param({"X-Purpose": "handling", "X-Case-Reference": "1%0d%0aX-Evil: 1"}, "X-Case-Reference", id="lines in it"),
        pytest.param({"X-Purpose": "handling", "X-Case-Reference": "x" * 101}, "X-Case-Reference", id="too long"),
    ],
)
def test_a_purpose_that_is_none_is_refused(api: Api, headers: dict[str, str], told: str) -> None:
    clerk = api.as_("clerk", "labour")
    for name in PURPOSE:
        del clerk.headers[name]
    answer = clerk.get("/v1/cases", headers=headers)
    assert answer.status_code == 422
    assert told in answer.text
    assert "X-Evil" not in answer.headers


def test_a_case_reference_in_chinese(api: Api) -> None:
    assert api.as_("clerk", "labour").get("/v1/cases", headers={"X-Case-Reference": "%E5%8A%B3%E4%BA%BA1%E5%8F%B7"}).status_code == 200


def test_hidden_and_masked_fields(api: Api, store: Store, bring_in: Any) -> None:
    case_id = store.case(
        store.record("labour", "1", [PERSON], title="欠薪", reply="已办", text="王小明电话13800138000"),
        store.record("court", "2", [PERSON | {"gender": "male"}]),
    )
    fields = {"default": "clear", "fields": {"id_no": "hidden", "phone": "masked", "reply": "hidden", "text": "masked"}}
    bring_in(
        fields={"own": fields, "others": {"default": "masked", "fields": {"gender": "hidden", "phone": "clear"}}},
        masking={"phone": [2, 2]},
    )
    case = api.as_("clerk", "labour").case(case_id, "records,parties,lineage")
    own, other = case["parties"]
    assert (own.get("name"), own.get("id_no"), own["phone"]) == ("王小明", None, "13****00")
    assert (other["name"], other.get("gender"), other["id_no"], other["phone"]) == ("王**", None, "4403**********1234", PERSON["phone"])
    assert case["records"][0].get("reply") is None
    assert case["records"][0]["text"] == "王**电话13****00"
    assert "reply" not in case["values"]
    assert case["values"]["text"] == "王**电话13****00"


def test_a_policy_that_hides_half_is_neither_proposed_nor_approved(store: Store) -> None:
    hiding = policy(1, fields={"own": {"default": "clear"}, "others": {"default": "masked", "fields": {"category": "hidden"}}})
    with pytest.raises(RequestError, match="hides category of others' records from the role clerk"):
        policies.propose(store.engine, hiding, "li")
    store.insert(tables.policy, version=1, document=hiding.model_dump(mode="json"), proposed_by="li")  # as one proposed before was
    with pytest.raises(RequestError, match="^版本 1 对角色 clerk 隐藏其他部门记录的 category，.* · version 1 hides category of"):
        policies.approve(store.engine, 1, "wang")
    store.run("UPDATE ops.policy SET state = 'in_force', approved_by = 'wang', approved_at = now()")
    with store.engine.connect() as connection:
        assert policies.in_force(connection) == hiding  # one that was in force before goes on


def test_a_policy_narrows_at_once(api: Api, store: Store, bring_in: Any) -> None:
    cases = {code: str(store.case(store.record(code, code, [PERSON]))) for code in ("labour", "court", "petition")}
    clerk = api.as_("clerk", "labour")
    assert set(clerk.ids()) == set(cases.values())
    bring_in(records={"departments": ["court"], "places": "all"})
    assert set(clerk.ids()) == {cases["labour"], cases["court"]}
    assert clerk.get(f"/v1/cases/{cases['petition']}").status_code == 404
    bring_in(endpoints=["sources.list"])
    assert clerk.get("/v1/cases").status_code == 403


def test_a_clerk_of_one_community_sees_that_one(api: Api, store: Store, bring_in: Any) -> None:
    here = store.record("petition", "1", [PERSON], community=HERE, title="这里", category="noise")
    there = store.record("labour", "2", [{"name": "李四", "phone": PERSON["phone"]}], community=THERE, title="那里", category="wages")
    both = store.case(here, there)
    other = store.case(store.record("labour", "3", [PERSON], community=THERE, title="那边"))
    bring_in(records={"departments": "all", "places": [HERE]})
    clerk = api.as_("clerk", "court")
    assert clerk.ids() == clerk.ids(q=PERSON["phone"]) == [str(both)]
    (item,) = clerk.find()["items"]
    assert [item["title"], item["category"]["code"], item["record_count"]] == ["这里", "noise", 1]
    assert clerk.ids(q="那里") == clerk.ids(q="李四") == []
    assert clerk.ids(category="wages") == clerk.ids(community=THERE) == clerk.ids(department="labour") == []
    assert clerk.ids(category="noise") == clerk.ids(community=HERE) == clerk.ids(department="petition") == [str(both)]
    case = clerk.get(f"/v1/cases/{both}?include=records,parties,timeline,lineage,links")
    for hidden in ("那里", "李", THERE, "wages", '"department":{"code":"labour"'):
        assert hidden not in case.text
    assert clerk.get(f"/v1/cases/{other}").status_code == 404


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("CASEHUB_DATABASE_URL", api.store.engine.url.render_as_string(hide_password=False))
    get_settings.cache_clear()

    def run(*words: str, key: str = "") -> str:
        monkeypatch.setenv("CASEHUB_KEY", key)
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    yield run
    get_settings.cache_clear()


def test_a_policy_from_its_file_into_force(command: Any, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "policy.yml"
    file.write_text(command("show", "0").replace("version: 0", "version: 5").replace("requests: 1200", "requests: 99"), encoding="utf-8")
    assert "5" in command("check", str(file))
    first, second = store.token("admin"), store.token("admin")
    command("propose", str(file), key=first)
    changed = [line.replace(" ", "") for line in command("diff", "5").splitlines()[2:] if line[0] in "+-"]
    rates = ["-requests:1200", "+requests:99"]
    assert changed == [*rates * 3, "-version:0", "+version:5"]  # and nothing that only stands elsewhere
    with pytest.raises(AccessDenied, match="two people"):
        command("approve", "5", key=first)
    with pytest.raises(AccessDenied, match="administrators"):
        command("approve", "5", key=store.token("clerk", "labour"))
    with pytest.raises(HubError):
        command("approve", "5", key="casehub_wrong")
    with pytest.raises(AccessDenied, match="account"):
        command("approve", "5", key=second)  # a second key does not make a second person
    monkeypatch.setattr("cli.policy.os_account", lambda: "wang")
    command("approve", "5", key=second)
    assert store.rows("SELECT approved_account FROM ops.policy") == [{"approved_account": "wang"}]
    holders = store.rows("SELECT proposed_by, approved_by FROM ops.policy")[0]
    told = "SELECT action, receiver FROM audit.access WHERE action IN ('propose', 'approve') AND receiver IS NOT NULL ORDER BY access_id"
    written = [tuple(row.values()) for row in store.rows(told)]
    tried = [("approve", holders["proposed_by"]), ("approve", holders["approved_by"])]  # by who may not, too
    assert written == [("propose", holders["proposed_by"]), *tried, ("approve", holders["approved_by"])]
    with pytest.raises(IntegrityError):
        store.run("UPDATE ops.policy SET approved_account = proposed_account")
    assert "in_force" in command("list")
    assert "requests: 99" in command("show")
    file.write_text("version: 6\nrules: {}\n", encoding="utf-8")
    told = CliRunner().invoke(app, ["check", str(file)])
    assert told.exit_code == 1
    assert "rules" in told.output
    assert "purposes" in told.output


def test_the_account_is_the_one_that_signed_in(tmp_path: Path) -> None:
    login = tmp_path / "loginuid"
    assert os_account(login) == os_user()  # this kernel keeps none
    for kept, account in (("4294967295", os_user()), ("0", "root"), ("3999999999", "3999999999"), ("", os_user())):
        login.write_text(kept, encoding="ascii")
        assert os_account(login) == account


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("cases.*", "case.*"), "'case.*' 不是接口 · names no route → 是否为 'cases.*'？ · did you mean 'cases.*'"),
        (("sources.list", "sources.lst"), "'sources.lst' 不是接口 · names no route"),
        (("of: all", "of: [labor]"), "'labor' 不是部门 · is no department → 是否为 'labour'？ · did you mean 'labour'"),
        (("{departments: all, places: all}", "{departments: [labor], places: all}"), "'labor' 不是部门 · is no department"),
        (
            ("visibility: sealed}, sees: clear", "visibility: sealed}, purpose: hnadling, sees: clear"),
            "'hnadling' 不是查看目的 · is no purpose → 是否为 'handling'？ · did you mean 'handling'",
        ),
        (("  admin:", "  superintendent:"), "there is no admin"),
    ],
)
def test_words_that_name_nothing_are_told(command: Any, store: Store, tmp_path: Path, change: tuple[str, str], told: str) -> None:
    file = tmp_path / "policy.yml"
    text = DEFAULT.read_text(encoding="utf-8").replace("version: 0", "version: 5")
    before, after = change
    assert before in text
    file.write_text(text.replace(before, after) if "superintendent" in after else text.replace(before, after, 1), encoding="utf-8")
    if "is no department" in told or "superintendent" in after:  # examples speak of whom it was
        file.write_text(file.read_text(encoding="utf-8").partition("examples:")[0], encoding="utf-8")
    result = CliRunner().invoke(app, ["check", str(file)])
    assert (result.exit_code, told in " ".join(result.output.split())) == (1, True), result.output
    with pytest.raises(ContractError):
        command("propose", str(file), key=store.token("admin"))


def test_who_may_change_the_policy_is_asked_of_the_policy(command: Any, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "policy.yml"
    file.write_text(DEFAULT.read_text(encoding="utf-8").replace("version: 0", "version: 5"), encoding="utf-8")
    of_labour, of_none = store.token("admin", "labour"), store.token("admin")
    narrower = read_policy(DEFAULT).model_dump(mode="json") | {"version": 1, "examples": []}
    narrower["roles"]["admin"]["of"] = ["none"]
    policies.propose(store.engine, policy_of(narrower), "li")
    policies.approve(store.engine, 1, "wang")
    with pytest.raises(AccessDenied, match="no such role"):
        command("propose", str(file), key=of_labour)
    store.run("UPDATE ops.api_key SET networks = ARRAY['10.0.0.0/8']")
    command("propose", str(file), key=of_none)  # on the hub's own machine its networks do not count


def test_a_version_far_ahead_is_refused(store: Store) -> None:
    with pytest.raises(RequestError, match="far above 0"):
        policies.propose(store.engine, policy(2**31 - 1), "li")


# --- what goes on longer than a call --------------------------------------------------------------------------------------


def interrupted(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> list[str]:
    """Have something happen once, after the first part of an export of one case each; what the export wrote down."""
    monkeypatch.setattr("api.export.rows.CASES_AT_ONCE", 1)
    real, noted = running.Export._note, []

    def noting(self: running.Export, action: str, outcome: int, part: Any = None) -> None:
        real(self, action, outcome, part)
        noted.append(action)
        if len(noted) == 1:
            happens()

    monkeypatch.setattr(running.Export, "_note", noting)
    return noted


def three_cases(store: Store) -> None:
    for number in "123":
        store.case(store.record("petition", number, title="噪音"))


EXPORT = {"format": "jsonl", "receiver": "区信访局督查科"}
CLERKS = read_policy(DEFAULT).roles["clerk"].endpoints


@pytest.mark.parametrize("changed", [{"records": {"departments": ["labour"], "places": "all"}}, {"endpoints": ["sources.list"]}], ids=str)
def test_an_export_breaks_off_when_the_policy_takes_rights_away(
    api: Api, store: Store, bring_in: Any, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    three_cases(store)
    noted = interrupted(monkeypatch, lambda: bring_in(**changed))
    with pytest.raises(httpx.RemoteProtocolError):
        api.as_("clerk", "labour").post("/v1/cases/export", json=EXPORT)
    assert noted == ["cases.export.part", "cases.export.end"]
    (ended,) = store.rows("SELECT outcome FROM audit.access WHERE action = 'cases.export.end'")
    assert ended["outcome"] == 500


@pytest.mark.parametrize(
    "changed",
    [{}, {"rate": {"requests": 7, "per_s": 60}}, {"numbers": {"requests": 7, "per_s": 60}}, {"endpoints": [*CLERKS, "sources.list"]}],
    ids=str,
)
def test_an_export_goes_on_where_a_new_policy_leaves_what_it_reads(
    api: Api, store: Store, bring_in: Any, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    """How often its caller may ask, and what more, concerns his next call."""
    three_cases(store)
    noted = interrupted(monkeypatch, lambda: bring_in(**changed))
    answer = api.as_("clerk", "labour").post("/v1/cases/export", json=EXPORT)
    assert '"end"' in answer.text.splitlines()[-1]
    assert len(noted) == 4


def test_a_stream_ends_when_the_policy_takes_rights_away(api: Api, store: Store, bring_in: Any) -> None:
    clerk = api.as_("clerk", "labour")
    with clerk.stream("GET", "/v1/changes/stream", params={"since": "latest"}) as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": casehub"
        began = time.monotonic()
        bring_in(endpoints=["sources.list"])
        assert not any(line.startswith("data") for line in lines)
    assert time.monotonic() - began < 20


def test_who_waits_for_changes_is_told_none_once_his_rights_are_others(
    api: Api, store: Store, bring_in: Any, waiters: Callable[[], int]
) -> None:
    clerk = api.as_("clerk", "labour")
    since = latest(clerk)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(page, clerk, since=since, wait=10)
        assert wait_for(waiters, 1)
        bring_in(endpoints=["sources.list"])
        settle(store.engine, record("police", "1", **NOISE))
        assert waiting.result()["items"] == []
    assert clerk.get("/v1/changes", params={"since": since}).status_code == 403
