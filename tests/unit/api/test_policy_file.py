"""A policy file: what it gives to whom, and every mistake told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.access import HIDEABLE, Rate, Treatment
from api.policy.document import DEFAULT, Policy, policy_of, read_policy
from hub.errors import AccessDenied, ContractError

POLICY = """version: 7
purposes:
  handling: {zh: 办理案件, en: handling a case}
masking: {name: hidden, id_no: [0, 4], phone: [3, 2], birth_date: hidden}
roles:
  clerk:
    of: all
    records: {departments: [labour], places: ["440311001", "440311002001"]}
    fields:
      own: {default: clear, fields: {id_no: masked, reply: hidden}}
      others: {default: masked}
    endpoints: ["cases.*"]
    rate: {requests: 5, per_s: 10}
  watcher:
    of: [none, court]
    endpoints: ["sources.list"]
  warden:
    of: [petition]
    records: {places: each_community}
    endpoints: ["cases.read"]
examples:
  - {caller: court/clerk, record: {department: labour, street: "440311001"}, sees: masked}
"""


def written(tmp_path: Path, text: str = POLICY) -> Path:
    path = tmp_path / "policy.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_hubs_own_policy_holds_its_examples() -> None:
    policy = read_policy(DEFAULT)
    assert policy.version == 0
    assert len(policy.examples) >= 10


def test_rights_of_a_role(tmp_path: Path) -> None:
    policy = read_policy(written(tmp_path))
    rights = policy.rights("court", "clerk")
    assert (rights.departments, rights.streets, rights.communities) == ({"labour"}, {"440311001"}, {"440311002001"})
    assert [rights.own.of(name) for name in ("name", "id_no", "reply", "category")] == [
        Treatment.CLEAR,
        Treatment.MASKED,
        Treatment.HIDDEN,
        Treatment.CLEAR,
    ]
    assert (rights.rate, rights.version, rights.is_whole, rights.is_operator) == (Rate(5, 10), 7, False, False)
    assert rights.allows("cases.read")
    assert not rights.allows("sources.list")
    assert rights.masks.of("phone", "13800138000") == "138****00"
    assert rights.masks.of("id_no", "440311199001011234") == "**************1234"
    assert rights.masks.of("name", "王小明") == "**"
    assert rights.masks.text("王小明的电话13800138000", ["王小明"]) == "**的电话138****00"


def test_one_role_a_community(tmp_path: Path) -> None:
    policy = read_policy(written(tmp_path))
    assert policy.rights("petition", "warden_440311001001").communities == {"440311001001"}
    for department, role in (("petition", "warden"), ("petition", "warden_440311999999"), ("court", "warden_440311001001")):
        with pytest.raises(AccessDenied):
            policy.rights(department, role)


@pytest.mark.parametrize(("department", "role"), [(None, "clerk"), ("labour", "watcher"), ("labour", "king"), (None, "")])
def test_a_role_that_the_policy_does_not_give(tmp_path: Path, department: str | None, role: str) -> None:
    with pytest.raises(AccessDenied, match="role"):
        read_policy(written(tmp_path)).rights(department, role)


def test_a_policy_survives_the_store(tmp_path: Path) -> None:
    policy = read_policy(written(tmp_path))
    assert policy_of(policy.model_dump(mode="json")) == policy


@pytest.mark.parametrize(
    ("line", "instead", "told"),
    [
        pytest.param(3, "  handling: {zh: 办理}", "en", id="purpose without a language"),
        pytest.param(4, "masking: {phone: [3, 9]}", "6", id="too much kept"),
        pytest.param(13, "    offices: all", "offices", id="unknown word"),
        pytest.param(8, '    records: {places: ["440311999"]}', "440311999", id="unknown place"),
        pytest.param(10, "      own: {fields: {salary: hidden}}", "salary", id="unknown field"),
        pytest.param(10, "      own: {fields: {category: masked}}", "mask", id="no mask for it"),
        pytest.param(
            10, "      own: {fields: {status: hidden}}", "status of its own department's records from the role clerk", id="half hidden"
        ),
        pytest.param(11, "      others: {fields: {text: hidden}}", "text of others' records from the role clerk", id="words find it"),
        pytest.param(11, "      others: {default: hidden}", "address of others' records from the role clerk", id="hidden by default"),
        pytest.param(11, "      others: {fields: {occurred_at: hidden}}", "what can be hidden: amount", id="the remedy"),
        pytest.param(12, '    endpoints: ["GET /v1/cases"]', "route", id="not a route"),
        pytest.param(13, "    rate: {requests: 0, per_s: 10}", "greater", id="no requests at all"),
        pytest.param(
            22, "  - {caller: court/clerk, record: {department: labour, street: '440311001'}, sees: clear}", "masked", id="example"
        ),
        pytest.param(22, "  - {caller: court/king, record: {department: labour}, sees: clear}", "role", id="example of no role"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, line: int, instead: str, told: str) -> None:
    lines = POLICY.splitlines()
    lines[line - 1] = instead
    with pytest.raises(ContractError) as refused:
        read_policy(written(tmp_path, "\n".join(lines)))
    assert told in str(refused.value)
    assert f":{line}" in str(refused.value), str(refused.value)


@pytest.mark.parametrize("text", ["", "- a list", "roles: {clerk: [}", "version: 1\nversion: 2\npurposes: {}\nroles: {}\n"])
def test_what_is_no_policy(tmp_path: Path, text: str) -> None:
    with pytest.raises(ContractError):
        read_policy(written(tmp_path, text))


def test_a_policy_without_purposes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="purpose"):
        read_policy(written(tmp_path, "version: 1\npurposes: {}\nroles: {}\n"))


def test_the_docs_name_what_can_be_hidden() -> None:
    section = Path("docs/api/policy.md").read_text(encoding="utf-8").split("## Hidden fields")[1].split(". By")[0]
    assert set(re.findall(r"`(\w+)`", section)) == HIDEABLE


def test_every_route_is_given_to_somebody_by_name() -> None:
    """A route that no role but the administrator's lists was forgotten."""
    policy = read_policy(DEFAULT)
    assert isinstance(policy, Policy)
    clerk = policy.rights("labour", "clerk")
    assert all(clerk.allows(name) for name in ("cases.list", "cases.search", "cases.read", "match.record", "reports.create"))
    assert not any(clerk.allows(name) for name in ("metrics", "quarantine.list"))
