"""Connections from the environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.connections import load_connection
from hub.errors import SettingsError

NAME = "CASEHUB_CONNECTION_LABOUR"


def test_a_url_an_object_and_a_file_with_either(tmp_path: Path) -> None:
    given = {"url": "https://host", "token": "abc"}
    (tmp_path / "secret").write_text(json.dumps(given) + "\n", encoding="utf-8")
    assert load_connection("labour", "sql", {NAME: "sqlite:////x"}).url == "sqlite:////x"
    (tmp_path / "marked").write_text(json.dumps(given), encoding="utf-8-sig")
    for value in (json.dumps(given), f"@{tmp_path / 'secret'}", f"@{tmp_path / 'marked'}"):
        connection = load_connection("labour", "rest", {NAME: value})
        assert (connection.url, connection.options) == ("https://host", {"token": "abc"})


def test_an_inbox_has_a_secret() -> None:
    assert load_connection("labour", "inbox", {NAME: '{"secret": "s3"}'}).options["secret"] == "s3"
    assert load_connection("labour", "inbox", {NAME: "s3"}).options["secret"] == "s3"


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        pytest.param("sql", None, "is not set", id="missing"),
        pytest.param("sql", " ", "is not set", id="blank"),
        pytest.param("rest", '{"url": hunter2}', "not valid JSON", id="no JSON"),
        pytest.param("rest", '{"url": "https://h", "pasword": "hunter2"}', "did you mean 'password'", id="unknown option"),
        pytest.param("rest", '{"url": "https://h", "password": 7}', "not a text", id="a number"),
        pytest.param("rest", '{"password": "hunter2"}', "has no url", id="no url"),
        pytest.param("inbox", '{"secret": ""}', "has no secret", id="no secret"),
        pytest.param("sql", "hunter2", "neither a URL nor", id="no url at all"),
        pytest.param("sql", "@/nowhere/hunter3", "cannot be read", id="no file"),
    ],
)
def test_a_mistake_names_the_variable_and_never_shows_its_value(kind: str, value: str | None, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_connection("labour", kind, {} if value is None else {NAME: value})
    assert NAME in str(caught.value)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value) + repr(caught.value.detail)


def test_a_connection_shows_its_name_alone() -> None:
    connection = load_connection("labour", "rest", {NAME: '{"url": "https://u:hunter2@host", "token": "hunter2"}'})
    assert "hunter2" not in repr(connection)


def test_what_an_authentication_needs_is_named() -> None:
    connection = load_connection("labour", "rest", {NAME: "https://host"})
    with pytest.raises(SettingsError, match="has no api_key"):
        connection.need("api_key")
