"""`casehub tokens`: what it makes, the API takes; what it revokes, no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from cli.tokens import app
from hub.errors import NotFound, RequestError
from hub.settings import get_settings
from tests.integration.api.builders import Api


@pytest.fixture(autouse=True)
def settings(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CASEHUB_DATABASE_URL", api.store.engine.url.render_as_string(hide_password=False))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(*words: str) -> str:
    """What a command writes; an error of the hub's is raised."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_token_from_its_making_to_its_end(api: Api) -> None:
    token = run("create", "zhang", "--department", "labour").strip()
    header = {"Authorization": f"Bearer {token}"}
    assert api.get("/v1/cases", headers=header).status_code == 200
    assert api.get("/v1/quarantine", headers=header).status_code == 403
    listed = run("list")
    assert "zhang" in listed
    assert token not in listed
    run("revoke", "zhang")
    assert api.get("/v1/cases", headers=header).status_code == 401


def test_operators_need_no_department(api: Api) -> None:
    token = run("create", "li", "--role", "engineer", "--days", "1").strip()
    assert api.get("/v1/quarantine", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(
    ("words", "error"),
    [
        pytest.param(["create", "zhang"], RequestError, id="clerk without a department"),
        pytest.param(["create", "zhang", "--department", "labor"], NotFound, id="no such department"),
        pytest.param(["create", "zhang", "--role", "king"], RequestError, id="no such role"),
        pytest.param(["revoke", "nobody"], NotFound, id="no such token"),
    ],
)
def test_mistakes(words: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        run(*words)
