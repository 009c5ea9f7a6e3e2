"""`casehub keys`: what it makes, the API takes; what it revokes, no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from cli.keys import app
from hub.errors import NotFound, RequestError
from hub.settings import get_settings
from tests.integration.api.builders import Api
from tests.integration.api.waiting import wait_for


@pytest.fixture(autouse=True)
def settings(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "400")  # so that nothing listed is broken over lines
    monkeypatch.setenv("CASEHUB_DATABASE_URL", api.store.engine.url.render_as_string(hide_password=False))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(*words: str) -> str:
    """What a command writes; an error of the hub's is raised."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def header(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_key_from_its_making_to_its_end(api: Api) -> None:
    key = run("create", "zhang", "--department", "labour").strip()
    assert api.get("/v1/cases", headers=header(key)).status_code == 200
    assert api.get("/v1/quarantine", headers=header(key)).status_code == 403
    listed = run("list")
    assert "zhang" in listed
    assert key.split("_", 2)[2] not in listed  # which may have underscores of its own
    assert "1" in run("revoke", "zhang")
    assert wait_for(lambda: api.get("/v1/cases", headers=header(key)).status_code, 401)


def test_operators_need_no_department(api: Api) -> None:
    key = run("create", "li", "--role", "engineer", "--days", "1").strip()
    assert api.get("/v1/quarantine", headers=header(key)).status_code == 200


def test_the_next_key_while_the_one_before_goes_on(api: Api) -> None:
    first = run("create", "li", "--role", "engineer", "--network", "127.0.0.0/8").strip()
    second = run("rotate", "li", "--overlap-hours", "1").strip()
    assert [api.get("/v1/quarantine", headers=header(key)).status_code for key in (first, second)] == [200, 200]
    third = run("rotate", "li", "--overlap-hours", "0").strip()
    assert api.get("/v1/quarantine", headers=header(third)).status_code == 200
    assert wait_for(lambda: {api.get("/v1/quarantine", headers=header(key)).status_code for key in (first, second)}, {401})


def test_a_lost_key_is_replaced(api: Api) -> None:
    first = run("create", "li", "--role", "engineer").strip()
    second = run("create", "li", "--role", "engineer", "--replace").strip()
    assert api.get("/v1/quarantine", headers=header(second)).status_code == 200
    assert wait_for(lambda: api.get("/v1/quarantine", headers=header(first)).status_code, 401)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        pytest.param(["create", "zhang"], RequestError, id="clerk without a department"),
        pytest.param(["create", "zhang", "--department", "labor"], NotFound, id="no such department"),
        pytest.param(["create", "zhang", "--role", "king"], RequestError, id="no such role"),
        pytest.param(["create", "li", "--role", "admin", "--network", "10.0.0.1/8"], RequestError, id="no network"),
        pytest.param(["revoke", "nobody"], NotFound, id="no such key"),
        pytest.param(["rotate", "nobody"], NotFound, id="nobody to rotate for"),
    ],
)
def test_mistakes(api: Api, words: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        run(*words)
    written = api.store.rows("SELECT action, outcome FROM audit.access ORDER BY access_id")
    assert [tuple(row.values()) for row in written] == [(words[0], None), (words[0], 1)]  # what is refused is written down as well
