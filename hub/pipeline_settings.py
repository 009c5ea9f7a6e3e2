"""Settings of what every department passes through: folders, servers and ports, contracts, and how much is done at once."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from hub import lists

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
PLACEHOLDERS = {"changeme", "change-me", "secret", "password", "example", "todo"}


class PipelineSettings(BaseSettings):
    """The part of the settings that is not the API's; `hub.settings.Settings` is all of them."""

    model_config = SettingsConfigDict(env_prefix="CASEHUB_", env_file=".env", extra="ignore", frozen=True)

    home: Path = Field(
        Path("var"),
        description="本系统写入的全部文件所在目录：数据库、日志、数据文档 · "
        "Folder for everything the hub writes: database, logs, data docs.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="自备的 PostgreSQL 服务器；空则用内置数据库 · "
        "A PostgreSQL server of your own, postgresql+psycopg2://user:password@host:port/database; empty: the embedded one.",
    )
    airflow_database_url: SecretStr | None = Field(
        None,
        description="仅用于 `make demo`：自备服务器上的 Airflow 元数据库；空则在内置服务器上另建一个 · "
        "`make demo` alone: Airflow's metadata on a server of your own; empty: a second database of the embedded server.",
    )
    host: str = Field(
        "127.0.0.1",
        description="各端口的监听地址；无特殊理由请保持本机回环地址 · "
        "Address that every port listens on; loopback unless you know why not.",
    )
    postgres_port: int = Field(
        18432,
        ge=0,
        le=65535,
        description="内置 PostgreSQL 的端口；0 表示取空闲端口 · Port of the embedded PostgreSQL; 0 takes a free one.",
    )
    api_port: int = Field(18480, ge=0, le=65535, description="查询接口的端口 · Port of the query API.")
    airflow_port: int = Field(
        18490,
        ge=0,
        le=65535,
        description="仅用于 `make demo`：Airflow 网页和接口的端口 · `make demo` alone: port of Airflow's web server and API.",
    )
    simulator_port: int = Field(
        18600,
        ge=0,
        le=65529,
        description="模拟系统的首个端口，其后六个也占用；0 表示取空闲端口 · "
        "First port of the simulated systems, which take the six after it; 0 takes free ones.",
    )
    contracts: str = Field(
        "", description="自备契约和代码表的目录，分隔方式同 PATH · Folders of contracts and code lists of your own, separated as in PATH."
    )
    models: str = Field(
        "",
        description="自备匹配模型的目录；其中的 person.yml、organisation.yml、case.yml 代替自带模型 · "
        "Folder of matching models of your own: person.yml, organisation.yml or case.yml in it stands in for the hub's.",
    )
    departments: str = Field(
        "",
        description="启用的部门，以逗号分隔；空则启用全部契约 · Departments that are active, separated by commas; empty: every contract.",
    )
    log_level: str = Field("INFO", description="日志级别：DEBUG、INFO、WARNING 或 ERROR · DEBUG, INFO, WARNING or ERROR.")
    resolve_chunk_records: int = Field(
        17_000, ge=1, le=50_000, description="识别时每块至多取的记录数 · Most records that one chunk of resolve takes."
    )
    resolve_chunk_seconds: float = Field(
        12.0,
        gt=0,
        le=60,
        description="一块用时超过此秒数，下一块即缩小；积压超过五大块时为其四倍 · "
        "Time after which the next chunk of resolve is made smaller; four times that while more than five of the largest wait.",
    )
    run_departments: int = Field(
        2, ge=1, le=64, description="`casehub run` 同时拉取的部门数 · Departments that `casehub run` pulls at a time."
    )
    validate_chunk_rows: int = Field(
        20_000,
        ge=1,
        le=50_000,
        description="每次交给 Great Expectations 的最多行数 · Most rows that Great Expectations is given at once.",
    )
    hold_above_failing: float = Field(
        0.2,
        gt=0,
        le=1,
        description="批次中未通过的行超过此比例，即挂起该批次 · Share of a batch's rows that fail, above which the batch is held.",
    )

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, value: str) -> str:
        if value.upper() not in LOG_LEVELS:
            raise ValueError(f"只能是 {'、'.join(LOG_LEVELS)} 之一 · must be one of {', '.join(LOG_LEVELS)}")
        return value.upper()

    @field_validator("database_url", "airflow_database_url")
    @classmethod
    def _is_a_real_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        url = value.get_secret_value()
        if not url.startswith("postgresql"):
            raise ValueError("应为 PostgreSQL 地址 postgresql+psycopg2://… · must be a PostgreSQL URL, postgresql+psycopg2://…")
        url = url.replace("postgresql://", "postgresql+psycopg2://", 1)
        try:
            parsed = make_url(url)
            driver = parsed.get_driver_name()
            if "@" in f"{parsed.host}{parsed.database}":  # of a password, as it was typed: what follows would be told as the host's name
                raise ValueError
        except (ArgumentError, ValueError):  # their words may quote a part of the password
            raise ValueError(
                "无法读取；密码中的特殊字符写作 %40（@）、%2F（/）、%23（#） · "
                "cannot be read; write what is special in a password as %40 for @, %2F for /, %23 for #"
            ) from None
        if driver != "psycopg2":
            raise ValueError(
                "驱动程序应为 psycopg2：postgresql+psycopg2://… · the driver must be psycopg2, the one that is installed: postgresql+psycopg2://…"
            )
        if any(f":{word}@" in url.lower() for word in PLACEHOLDERS):
            raise ValueError("密码是占位符，请设置真实密码 · the password is a placeholder; set a real one")
        return SecretStr(url)

    @property
    def contract_folders(self) -> tuple[Path, ...]:
        """Folders of contracts beyond the hub's own, in order."""
        return lists.own_contract_folders(self.contracts)

    @property
    def active_departments(self) -> frozenset[str]:
        """Departments that are active; empty means all."""
        return lists.active_departments(self.departments)
