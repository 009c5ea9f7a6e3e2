"""Every setting of the hub, in one class, each from an environment variable CASEHUB_<NAME> or from `.env` in the working folder."""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSetting
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from hub import lists
from hub.errors import SettingsError
from hub.urls import is_safe_on_the_way

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
PLACEHOLDERS = {"changeme", "change-me", "secret", "password", "example", "todo"}
_BOUND_ISSUER = re.compile(r"^([a-z][a-z0-9_]{1,39})=")


class Settings(BaseSettings):
    """What the hub can be told from outside. Ports are listened on at `host` alone."""

    model_config = SettingsConfigDict(env_prefix="CASEHUB_", env_file=".env", extra="ignore", frozen=True)

    home: Path = Field(Path("var"), description="Folder for everything the hub writes: database, logs, data docs.")
    database_url: SecretStr | None = Field(
        None,
        description="A PostgreSQL server of your own, postgresql+psycopg2://user:password@host:port/database; empty: the embedded one.",
    )
    airflow_database_url: SecretStr | None = Field(
        None,
        description="`make demo` alone: Airflow's metadata on a server of your own; empty: a second database of the embedded server.",
    )
    host: str = Field("127.0.0.1", description="Address that every port listens on; loopback unless you know why not.")
    postgres_port: int = Field(18432, ge=0, le=65535, description="Port of the embedded PostgreSQL; 0 takes a free one.")
    api_port: int = Field(18480, ge=0, le=65535, description="Port of the query API.")
    airflow_port: int = Field(18490, ge=0, le=65535, description="`make demo` alone: port of Airflow's web server and API.")
    simulator_port: int = Field(
        18600, ge=0, le=65535, description="First port of the simulated systems, which take the six after it; 0 takes free ones."
    )
    contracts: str = Field("", description="Folders of contracts and code lists of your own, separated as in PATH.")
    models: str = Field(
        "", description="Folder of matching models of your own: person.yml, organisation.yml or case.yml in it stands in for the hub's."
    )
    departments: str = Field("", description="Departments that are active, separated by commas; empty: every contract.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    resolve_chunk_records: int = Field(10_000, ge=1, le=50_000, description="Most records that one chunk of resolve takes.")
    resolve_chunk_seconds: float = Field(8.0, gt=0, le=60, description="Time after which the next chunk of resolve is made smaller.")
    run_departments: int = Field(2, ge=1, le=64, description="Departments that `casehub run` pulls at a time.")
    validate_chunk_rows: int = Field(20_000, ge=1, le=50_000, description="Most rows that Great Expectations is given at once.")
    hold_above_failing: float = Field(0.2, gt=0, le=1, description="Share of a batch's rows that fail, above which the batch is held.")
    audit_head: Path | None = Field(
        None, description="File that the audit chain's head is published to, outside the database; empty: audit-head.jsonl in CASEHUB_HOME."
    )
    audit_seal_seconds: float = Field(
        1.0, ge=0, le=3600, description="Seconds between two sealings of the audit log by the API; 0: `casehub audit seal` does it."
    )
    key_days: int = Field(90, ge=1, le=366, description="Days that an API key made by `casehub keys create` is good for.")
    trusted_proxies: str = Field(
        "",
        description="Addresses and networks (CIDR) of proxies, by commas, whose X-Forwarded-For and -Proto are believed; empty: none.",
    )
    hsts_seconds: int = Field(
        0, ge=0, description="max-age of Strict-Transport-Security, sent with what comes over TLS by a trusted proxy; 0: none is sent."
    )
    failures_per_minute: int = Field(
        10, ge=1, description="Credentials that may fail at once from one client address, and again each minute; then 429."
    )
    oidc_issuer: str = Field(
        "",
        description="OpenID Connect issuers whose tokens are taken, by commas; `labour=https://…`: for clerks of labour alone.",
    )
    oidc_audience: str = Field("casehub", description="What tokens must name as their audience (aud).")
    oidc_name_claim: str = Field("sub", description="Claim that says who it is; a path of names between dots for a nested one.")
    oidc_role_claim: str = Field("role", description="Claim that holds the role, one of the policy's, alone or in a list.")
    oidc_department_claim: str = Field("department", description="Claim that holds the department's code, e.g. labour.")
    oidc_max_hours: float = Field(12, gt=0, le=168, description="Longest lifetime of a token that is taken, in hours.")
    oidc_grace_minutes: float = Field(
        60, gt=0, le=1440, description="Minutes for which an issuer's keys are good after they were last fetched, should it go down."
    )
    login_secret_file: Path | None = Field(
        None,
        description="Secret from which passwords of departments' database logins are derived; empty: made in CASEHUB_HOME.",
    )
    change_days: int = Field(0, ge=0, le=3650, description="Days back to which /v1/changes tells what changed; 0: all of it.")
    change_places: int = Field(100, ge=1, le=150, description="Callers that may wait for changes at once, long polls and streams together.")
    watches_each: int = Field(50, ge=0, le=10_000, description="Watches that one caller may have.")
    watch_days: int = Field(30, ge=1, le=3650, description="Days for which a watch's events and deliveries are kept.")
    webhook_hosts: str = Field(
        "",
        description="Host names or domains that webhooks may lead to, separated by commas, private addresses too; empty: any public host.",
    )
    webhook_ports: str = Field("443,8443", pattern=r"^\s*\d{1,5}(\s*,\s*\d{1,5})*\s*$", description="Ports that webhooks may lead to.")
    webhook_loopback: bool = Field(False, description="Webhooks may lead to this machine, by http too: for tests and demonstrations alone.")
    webhook_attempts: int = Field(10, ge=1, le=30, description="Attempts after which a delivery is put on the dead-letter list.")
    lookup_rows: int = Field(50_000, ge=1, le=200_000, description="Most rows of one batch look-up.")
    lookup_bytes: int = Field(16 << 20, ge=1024, le=256 << 20, description="Most bytes of a batch look-up's file.")
    lookup_jobs: int = Field(3, ge=1, le=100, description="Batch look-ups that a caller may have unfinished at a time.")
    lookup_days: int = Field(7, ge=1, le=366, description="Days after which a batch look-up and its result are deleted.")
    emergency_hours: int = Field(4, ge=1, le=72, description="Hours that an emergency access to restricted records lasts.")
    export_rows: dict[str, int] = Field(
        {"*": 50_000, "system": 500_000, "admin": 500_000},
        description="Most rows that a role may export at once, as JSON; * stands for every other role, 0 for none.",
    )
    export_seconds: int = Field(1_800, ge=10, le=86_400, description="Time after which an export breaks off.")
    export_idle_seconds: int = Field(60, ge=5, le=3_600, description="Time after which an export whose file nobody takes breaks off.")
    encryption_keys_file: Path | None = Field(
        None, description="File with the keys that ID numbers and phones are encrypted with in the store; empty: they are not encrypted."
    )
    encryption_keys_command: str = Field(
        "", description="Command that prints the same, run by each process at its start: of a key management service. No shell is between."
    )
    exports_at_once: int = Field(2, ge=1, le=8, description="Exports of one department and role that one server runs at a time.")

    @field_validator("audit_head", "login_secret_file", "encryption_keys_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("encryption_keys_command")
    @classmethod
    def _without_blanks(cls, value: str) -> str:
        return value.strip()

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, value: str) -> str:
        if value.upper() not in LOG_LEVELS:
            raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
        return value.upper()

    @field_validator("database_url", "airflow_database_url")
    @classmethod
    def _is_a_real_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        url = value.get_secret_value()
        if not url.startswith("postgresql"):
            raise ValueError("must be a PostgreSQL URL, postgresql+psycopg2://…")
        try:
            make_url(url)
        except (ArgumentError, ValueError):  # their words may quote a part of the password
            raise ValueError("cannot be read; write what is special in a password as %40 for @, %2F for /, %23 for #") from None
        if any(f":{word}@" in url.lower() for word in PLACEHOLDERS):
            raise ValueError("the password is a placeholder; set a real one")
        return SecretStr(url.replace("postgresql://", "postgresql+psycopg2://", 1))

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for part in lists.parts(value):
            try:
                ipaddress.ip_network(part)
            except ValueError:
                raise ValueError(f"{part} is no address and no network") from None
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _are_issuers(cls, value: str) -> str:
        urls = [_BOUND_ISSUER.sub("", part) for part in lists.parts(value)]
        for url in urls:
            if not is_safe_on_the_way(url) or "?" in url or "#" in url:
                raise ValueError("an issuer is an https:// address without ? and # (http:// on this machine alone)")
        if len(set(urls)) < len(urls):
            raise ValueError("an issuer is named twice")
        return value

    @field_validator("oidc_audience", "oidc_name_claim", "oidc_role_claim", "oidc_department_claim")
    @classmethod
    def _is_given(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must not be empty")
        return value

    @property
    def oidc_issuers(self) -> dict[str, str | None]:
        """Each issuer whose tokens are taken, and the department it alone may speak for (None: any)."""
        found: dict[str, str | None] = {}
        for part in lists.parts(self.oidc_issuer):
            bound = _BOUND_ISSUER.match(part)
            found[_BOUND_ISSUER.sub("", part)] = bound[1] if bound else None
        return found

    @property
    def contract_folders(self) -> tuple[Path, ...]:
        """Folders of contracts beyond the hub's own, in order."""
        return lists.own_contract_folders(self.contracts)

    @property
    def audit_head_file(self) -> Path:
        """Where the audit chain's head is published."""
        return self.audit_head or self.home / "audit-head.jsonl"

    @property
    def active_departments(self) -> frozenset[str]:
        """Departments that are active; empty means all."""
        return lists.active_departments(self.departments)


@cache
def get_settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        SettingsError: a value is missing, malformed or a placeholder; names the variable.
    """
    try:
        return Settings()  # type: ignore[call-arg,unused-ignore] # every field has a default
    except UnreadableSetting as error:
        name = next((f"CASEHUB_{name.upper()}" for name in Settings.model_fields if f'"{name}"' in str(error)), "a setting")
        raise SettingsError(
            f"{name} 不是 JSON · {name} is not JSON",
            remedy=f"在环境变量或 .env 中更正 {name} · correct {name} in the environment or in .env",
            setting=name,
        ) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "CASEHUB_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(
            f"{name}: {first['msg']}",
            remedy=f"在环境变量或 .env 中更正 {name} · correct {name} in the environment or in .env",
            setting=name,
        ) from None


def require_free_port(host: str, port: int, setting: str) -> int:
    """Say which port to use; 0 asks the system for a free one.

    Raises:
        SettingsError: the port is taken; names the setting to change.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            name = f"CASEHUB_{setting.upper()}"
            raise SettingsError(
                f"{host} 的端口 {port} 已被占用 · port {port} on {host} is taken",
                remedy=f"停止占用端口的程序，或更改 {name} · stop what listens there or set {name} to another port",
                setting=name,
            ) from None
        return int(probe.getsockname()[1])
