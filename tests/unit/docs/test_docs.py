"""The docs say what is true now: every setting, error, department, state and command is in them, and every link leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from api.authentication import keys
from api.inbox import MAX_AGE_S, MAX_EVENTS
from api.inbox import MAX_BODY_BYTES as MAX_INBOX_BYTES
from api.problems import PROBLEMS
from api.questions.cases import CaseQuery
from cli.main import app
from connectors.codes import read_code_list
from connectors.connections import KEYS as CONNECTION_KEYS
from connectors.connector import InboxConnector
from connectors.contract import Contract
from hub import errors
from hub.errors import HubError
from hub.postgres import SERVER_OPTIONS
from hub.settings import Settings
from pipeline.validating.validate import _DRIFTS
from schema import codes as hub_codes
from schema.tables import BATCH_STATES, RECORD_STATES
from simulator.serve import DEPARTMENTS

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]

IN_BOTH_LANGUAGES = pytest.mark.parametrize("name", ["docs/onboarding.md", "docs/onboarding.zh-CN.md"])


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    field = Settings.model_fields[name]
    assert f"| `CASEHUB_{name.upper()}` |" in page("docs/operations.md")
    assert field.description
    assert field.description in page("docs/operations.md")


def table(name: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table whose first heading this is: the words in code of their first cells → their other cells."""
    (found,) = re.findall(rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", page(name), re.MULTILINE)
    rows = [re.split(r" \| ?", line.removeprefix("| ").removesuffix("|")) for line in found.splitlines()]
    return {word: cells for first, *cells in rows for word in re.findall(r"`([^`]+)`", first)}


def test_every_error_is_in_operations_and_whether_another_try_helps() -> None:
    classes = {name: item for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, HubError)}
    del classes["HubError"]
    told = table("docs/operations.md", "error")
    assert told.keys() == classes.keys()
    assert {name for name, cells in told.items() if cells[1].startswith("yes")} == {name for name in classes if classes[name].retryable}


@pytest.mark.parametrize(("heading", "states"), [("of a batch", BATCH_STATES), ("of a landed version", RECORD_STATES)])
def test_every_state_is_in_its_table_in_operations(heading: str, states: tuple[str, ...]) -> None:
    told = table("docs/operations.md", heading)
    assert sorted(told) == sorted(states)
    assert all(cells[0].strip() for cells in told.values())


def test_every_alert_of_a_batch_is_in_operations() -> None:
    steps = [path for step in ("landing", "validating") for path in (ROOT / "pipeline" / step).glob("*.py")]
    alerts = {word for path in steps for word in re.findall(r'f"([a-z_]+): ', path.read_text(encoding="utf-8"))} | set(_DRIFTS)
    assert {"cursor_ahead", "short_of_total", "new_column"} <= alerts
    told = table("docs/operations.md", "an alert of a batch (`casehub run` and `casehub batches list` print them)")
    assert sorted(alerts - set(told)) == []


@IN_BOTH_LANGUAGES
def test_every_department_is_an_example_in_onboarding(name: str) -> None:
    departments = {path.stem for path in (ROOT / "connectors" / "departments").glob("*.yml")}
    assert len(departments) == 16
    assert [code for code in departments if f"`{code}`" not in page(name)] == []


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_problem_type_is_in_the_apis_page(name: str) -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \| (.+?) \| .+ \|$", page(f"docs/api/{name}"), re.MULTILINE)
    assert sorted(rows) == sorted((problem.code, str(problem.status), problem.zh) for problem in PROBLEMS.values())


def test_the_purposes_are_those_of_the_policy_in_force_at_first() -> None:
    purposes = yaml.safe_load(page("api/policy/default.yml"))["purposes"]
    rows = re.findall(r"^\| `([a-z]+)` \| (.+?) \| (.+?) \|$", page("docs/api/policy.md"), re.MULTILINE)
    assert [row for row in rows if row[0] in purposes] == [(name, words["zh"], words["en"]) for name, words in purposes.items()]


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "api").glob("*.md")), ids=lambda path: path.name)
def test_examples_name_one_host_and_one_key(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"Bearer \$(\w+)", text)) <= {"CASEHUB_KEY"}
    assert set(re.findall(r"https?://([^/\s\"'`]*hub[^/\s\"'`]*)/v1", text)) <= {"hub.example.gov.cn"}


def test_the_environment_of_the_services_has_comments_in_lines_of_their_own() -> None:
    # systemd takes what stands behind a value for a part of it.
    (block,) = re.findall(r"```\n(CASEHUB_HOME=.*?)```", page("docs/operations.md"), re.DOTALL)
    lines = [line for line in block.splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Z_]+=\S+", line)] == []
    assert {line.partition("=")[0] for line in lines if line.startswith("CASEHUB_")} - {"CASEHUB_CONNECTION_PETITION"} <= {
        f"CASEHUB_{name.upper()}" for name in Settings.model_fields
    }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_keys_in_examples_have_names_that_are_taken(path: Path) -> None:
    names = re.findall(r'keys create ("[^"]*"|[!-~]+)', path.read_text(encoding="utf-8"))
    assert [name for name in names if not keys._NAME.fullmatch(name)] == []


def test_every_field_of_a_search_is_in_its_page() -> None:
    assert [name for name in CaseQuery.model_fields if not re.search(rf"[`&,]{name}\b", page("docs/api/search.md"))] == []


def test_a_look_up_that_is_handed_in_for_a_purpose_is_fetched_for_one() -> None:
    (example,) = re.findall(r"```\n(curl .*?)```", page("docs/api/lookups.md"), re.DOTALL)
    commands = [line for line in example.replace("\\\n", " ").splitlines() if "-F file" in line or "/result" in line]
    assert [bool(re.search("X-Purpose.*X-Case-Reference", line)) for line in commands] == [True, True]


def test_no_remedy_sends_to_the_home_by_a_name_that_a_setting_changes() -> None:
    assert [path.name for path in (ROOT / "cli").glob("*.py") if re.search("(read|查看) var/", path.read_text(encoding="utf-8"))] == []


@IN_BOTH_LANGUAGES
def test_every_key_of_a_contract_is_explained(name: str) -> None:
    assert [key for key, field in Contract.model_fields.items() if not field.description] == []
    assert [key for key in Contract.model_fields if f"`{key}`" not in page(name)] == []


@IN_BOTH_LANGUAGES
def test_every_key_of_a_connection_is_in_onboarding(name: str) -> None:
    assert {key for keys in CONNECTION_KEYS.values() for key in keys if f"`{key}`" not in page(name)} == set()


def test_the_page_of_signed_pushes_has_the_limits_of_the_code() -> None:
    text = page("docs/api/inbox.md")
    assert MAX_INBOX_BYTES == 5 << 20
    assert "5 MiB" in text
    assert f"{MAX_EVENTS:,}" in text
    assert MAX_AGE_S == 300
    assert f"`{InboxConnector.model_fields['signature_header'].default}`" in text


@IN_BOTH_LANGUAGES
def test_the_example_of_a_code_list_is_one(name: str, tmp_path: Path) -> None:
    (example,) = re.findall(r"```\n(list: .*?)```", page(name), re.DOTALL)
    (tmp_path / "water_status.yml").write_text(example, encoding="utf-8")
    codes, problems = read_code_list(tmp_path / "water_status.yml")
    assert problems == []
    assert codes is not None
    assert {code for code in (*codes.codes.values(), codes.default) if code} <= set(hub_codes.load("status"))
    assert "01" in codes.codes


def test_the_simulated_systems_take_the_ports_that_the_setting_names() -> None:
    assert max(place for _, place in DEPARTMENTS.values()) == 6
    assert "take the six after it" in (Settings.model_fields["simulator_port"].description or "")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def anchors(path: Path) -> set[str]:
    """What GitHub calls each heading of a page."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading).lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_into_a_page_lead_to_a_heading(path: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", path.read_text(encoding="utf-8")):
        assert anchor in anchors(path.parent / target if target else path), (target, anchor)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_that_are_named_exist(path: Path) -> None:
    groups = {
        group.name: {c.name or c.callback.__name__ for c in group.typer_instance.registered_commands} for group in app.registered_groups
    }
    commands = {command.name or command.callback.__name__.replace("_", "-") for command in app.registered_commands}
    for first, second in re.findall(r"casehub ([a-z]+)(?: ([a-z]+(?:-[a-z]+)*))?", path.read_text(encoding="utf-8")):
        assert first in groups or first in commands, first
        if first in groups and second:
            assert second in groups[first], (first, second)


def test_the_compose_file_publishes_on_loopback_alone() -> None:
    services = yaml.safe_load(page("docker-compose.yml"))["services"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert len(published) >= 2  # the API and Airflow
    assert [port for ports in published.values() for port in ports if not str(port).startswith("127.0.0.1:")] == []
    assert [name for name, service in services.items() if service.get("network_mode") == "host"] == []


def test_the_compose_file_is_one_by_the_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_services_have_time_to_end_and_somebody_waits_for_their_processes() -> None:
    services = yaml.safe_load(page("docker-compose.yml"))["services"]
    assert [name for name, service in services.items() if "stop_grace_period" not in service] == []
    assert [name for name, service in services.items() if service.get("image") != "postgres:18" and not service.get("init")] == []
    assert services["api"]["healthcheck"]["test"][-1].count("/readyz") == 1


def test_the_composed_database_plans_as_the_embedded_one() -> None:
    command = " ".join(yaml.safe_load(page("docker-compose.yml"))["services"]["postgres"]["command"].split())
    alike = set(re.findall(r"-c (\w+)=", command)) - {"shared_buffers"}
    assert {"jit", "random_page_cost", "work_mem", "max_connections"} <= alike
    assert [name for name in sorted(alike) if f"-c {name}={SERVER_OPTIONS[name]}" not in command] == []


def test_the_image_holds_byte_code_and_nothing_of_its_builders() -> None:
    """Whoever it runs as may write none; and what git passes over may be secrets, or a machine's own."""
    told = page("Dockerfile")
    assert "UV_COMPILE_BYTECODE=1" in told.split("RUN")[0]
    assert told.index("COPY . .") < told.index("compileall -q .") < told.index("USER casehub")
    ignored = page(".dockerignore").split()
    names = [line.strip("/") for line in page(".gitignore").split()]
    assert [name for name in names if not any(fnmatch(name, pattern.removeprefix("**/")) for pattern in ignored)] == []


@pytest.mark.parametrize("name", ["docker-compose.yml", "docs/operations.md"])
def test_no_scheduler_serves_logs_on_every_address(name: str) -> None:
    commands = re.findall(r"airflow scheduler(?: --[a-z-]+)*", page(name))
    assert commands
    assert [command for command in commands if "--skip-serve-logs" not in command] == []


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_what_tests_may_be_passed_over_for_is_named(name: str) -> None:
    assert [word for word in re.findall(r'"(CASEHUB_TEST_\w+)"', page("tests/outside.py")) if f"`{word}`" not in page(name)] == []
