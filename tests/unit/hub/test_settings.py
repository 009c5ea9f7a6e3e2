"""Settings: from the environment alone, refused with the variable's name."""

from __future__ import annotations

import pickle
import re
import socket
from pathlib import Path

import pytest

from hub import errors, lists
from hub.errors import HubError, SettingsError, SourceUnavailable
from hub.settings import Settings, get_settings, require_free_port


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of the checkout
    get_settings.cache_clear()


def test_lists_are_read_as_path_and_commas() -> None:
    settings = Settings(contracts="a:b c:", departments="petition, court")
    assert settings.contract_folders == (Path("a"), Path("b c"))
    assert settings.active_departments == {"petition", "court"}


def test_lists_are_the_same_where_the_environment_alone_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEHUB_CONTRACTS", "a:b c: ")
    monkeypatch.setenv("CASEHUB_DEPARTMENTS", "petition,, court ")
    settings = Settings()
    assert lists.own_contract_folders() == settings.contract_folders == (Path("a"), Path("b c"))
    assert lists.active_departments() == settings.active_departments == {"petition", "court"}


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        pytest.param("CASEHUB_API_PORT", "many", "valid integer", id="not a number"),
        pytest.param("CASEHUB_API_PORT", "70000", "65535", id="no port"),
        pytest.param("CASEHUB_OIDC_ISSUER", "http://sso.example/realms/gm", "https://", id="issuer over plain http"),
        pytest.param("CASEHUB_OIDC_ISSUER", "https://sso.example?realm=gm", "https://", id="issuer with a query"),
        pytest.param("CASEHUB_OIDC_ISSUER", "https://a.example, labour=https://a.example", "twice", id="issuer named twice"),
        pytest.param("CASEHUB_OIDC_AUDIENCE", " ", "empty", id="no audience"),
        pytest.param("CASEHUB_TRUSTED_PROXIES", "*", "no network", id="everybody a proxy"),
        pytest.param("CASEHUB_TRUSTED_PROXIES", "10.0.0.1/8", "no network", id="no network"),
        pytest.param("CASEHUB_DATABASE_URL", "sqlite:///x", "PostgreSQL URL", id="not PostgreSQL"),
        pytest.param("CASEHUB_DATABASE_URL", "postgresql://u:changeme@h/d", "placeholder", id="placeholder"),
        pytest.param("CASEHUB_DATABASE_URL", "postgresql://u:changeme!/x@h:port/d", "cannot be read", id="a port that is none"),
        pytest.param("CASEHUB_DATABASE_URL", "postgresql+psycopg://u:changeme!@h/d", "psycopg2", id="another driver"),
        pytest.param(
            "CASEHUB_AIRFLOW_DATABASE_URL", "postgresql+asyncpg://u:changeme!@h/d", "psycopg2", id="a driver that waits for nobody"
        ),
        pytest.param("CASEHUB_LOG_LEVEL", "loud", "DEBUG, INFO", id="no level"),
    ],
)
def test_a_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"{variable}: .*{reason}") as caught:
        get_settings()
    assert "changeme" not in str(caught.value)
    get_settings.cache_clear()


def test_issuers_and_whom_they_may_speak_for() -> None:
    settings = Settings(oidc_issuer="https://a.example/x, labour=https://b.example")
    assert settings.oidc_issuers == {"https://a.example/x": None, "https://b.example": "labour"}
    assert Settings().oidc_issuers == {}


def test_the_database_url_gets_its_driver_and_stays_secret() -> None:
    settings = Settings(database_url="postgresql://u:s3cr3t-enough@h/d")
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value().startswith("postgresql+psycopg2://")
    assert "s3cr3t-enough" not in repr(settings)


@pytest.mark.parametrize("password", ["s3cr3t@enough", "s3cr3t@eno/ugh"])
def test_a_password_that_splits_its_url_is_refused_and_not_told(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEHUB_DATABASE_URL", f"postgresql://u:{password}@h/d")
    with pytest.raises(SettingsError, match="%40 for @") as caught:
        get_settings()
    assert "s3cr3t" not in str(caught.value) and "ugh" not in str(caught.value)


def test_a_taken_port_names_its_setting() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(SettingsError, match="CASEHUB_API_PORT"):
            require_free_port("127.0.0.1", other.getsockname()[1], "api_port")


def test_every_error_is_drawn_in_the_tree_and_survives_another_process() -> None:
    classes = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, HubError)]
    for each in classes:
        assert f" {each.__name__} " in f" {errors.__doc__} ".replace("\n", " \n "), each.__name__
        copy = pickle.loads(pickle.dumps(each("what", remedy="do", department="works")))  # noqa: S301 - our own bytes
        assert (type(copy), str(copy), copy.detail) == (each, "what → do", {"department": "works"})


def test_only_what_may_mend_itself_is_retryable() -> None:
    retryable = {name for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, HubError) and item.retryable}
    assert retryable == {
        "SourceUnavailable",
        "BusyError",
        "StoreConflict",
        "StoreUnavailable",
        "TooManyRequests",
        "IssuerUnavailable",
        "TooBusy",
    }
    assert SourceUnavailable("x").retryable


@pytest.mark.parametrize("name", Settings.model_fields)
def test_what_a_setting_is_for_is_told_in_both_languages(name: str) -> None:
    chinese, _, english = str(Settings.model_fields[name].description).partition(" · ")
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert english
    assert not re.search(r"[\u4e00-\u9fff]", english)


def test_what_is_left_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUDIT_HEAD", "LOGIN_SECRET_FILE", "ENCRYPTION_KEYS_FILE"):
        monkeypatch.setenv(f"CASEHUB_{name}", "")
    monkeypatch.setenv("CASEHUB_ENCRYPTION_KEYS_COMMAND", "  ")
    monkeypatch.setenv("CASEHUB_LOG_LEVEL", "debug")
    settings = Settings()
    assert (settings.audit_head, settings.login_secret_file, settings.encryption_keys_file) == (None, None, None)
    assert (settings.encryption_keys_command, settings.log_level) == ("", "DEBUG")


def test_what_is_no_json_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEHUB_EXPORT_ROWS", "")
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match="CASEHUB_EXPORT_ROWS is not JSON"):
        get_settings()
    get_settings.cache_clear()
