"""Every setting of the hub, in one class, each from an environment variable CASEHUB_<NAME> or from `.env` in the working folder."""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import cache
from pathlib import Path

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import SettingsError as UnreadableSetting

from hub import field_words, lists
from hub.errors import SettingsError
from hub.pipeline_settings import PipelineSettings
from hub.urls import is_safe_on_the_way

_BOUND_ISSUER = re.compile(r"^([a-z][a-z0-9_]{1,39})=")


class Settings(PipelineSettings):
    """What the hub can be told from outside. Ports are listened on at `host` alone."""

    audit_head: Path | None = Field(
        None,
        description="访问记录的链头在数据库之外的公布文件；留空则为 CASEHUB_HOME 中的 audit-head.jsonl · "
        "File that the audit chain's head is published to, outside the database; empty: audit-head.jsonl in CASEHUB_HOME.",
    )
    audit_seal_seconds: float = Field(
        1.0,
        ge=0,
        le=3600,
        description="接口为访问记录签封的间隔秒数；0 表示由 `casehub audit seal` 签封 · "
        "Seconds between two sealings of the audit log by the API; 0: `casehub audit seal` does it.",
    )
    key_days: int = Field(
        90,
        ge=1,
        le=366,
        description="`casehub keys create` 所建 API 密钥的有效天数 · Days that an API key made by `casehub keys create` is good for.",
    )
    trusted_proxies: str = Field(
        "",
        description="可信代理的地址或网段（CIDR），以逗号分隔，采信其 X-Forwarded-For 和 -Proto；空则没有 · "
        "Addresses and networks (CIDR) of proxies, by commas, whose X-Forwarded-For and -Proto are believed; empty: none.",
    )
    hsts_seconds: int = Field(
        0,
        ge=0,
        description="经可信代理以 TLS 访问时所发 Strict-Transport-Security 的 max-age；0 表示不发 · "
        "max-age of Strict-Transport-Security, sent with what comes over TLS by a trusted proxy; 0: none is sent.",
    )
    failures_per_minute: int = Field(
        10,
        ge=1,
        description="同一客户端地址凭据失败的次数上限，每分钟恢复；超过则返回 429 · "
        "Credentials that may fail at once from one client address, and again each minute; then 429.",
    )
    oidc_issuer: str = Field(
        "",
        description="接受其令牌的 OpenID Connect 签发方，以逗号分隔；`labour=https://…` 仅限 labour 的人员 · "
        "OpenID Connect issuers whose tokens are taken, by commas; `labour=https://…`: for clerks of labour alone.",
    )
    oidc_audience: str = Field("casehub", description="令牌的受众（aud）须为此值 · What tokens must name as their audience (aud).")
    oidc_name_claim: str = Field(
        "sub",
        description="标明身份的声明；嵌套时写以点分隔的路径 · Claim that says who it is; a path of names between dots for a nested one.",
    )
    oidc_role_claim: str = Field(
        "role",
        description="标明角色的声明，取值为策略中的角色，可为单值或列表 · "
        "Claim that holds the role, one of the policy's, alone or in a list.",
    )
    oidc_department_claim: str = Field(
        "department", description="标明部门代码的声明，如 labour · Claim that holds the department's code, e.g. labour."
    )
    oidc_max_hours: float = Field(
        12, gt=0, le=168, description="令牌有效期的上限，以小时计 · Longest lifetime of a token that is taken, in hours."
    )
    oidc_grace_minutes: float = Field(
        60,
        gt=0,
        le=1440,
        description="签发方停止服务时，其公钥自上次获取起仍可使用的分钟数 · "
        "Minutes for which an issuer's keys are good after they were last fetched, should it go down.",
    )
    login_secret_file: Path | None = Field(
        None,
        description="推导各部门数据库登录口令的密钥文件；空则在 CASEHUB_HOME 中生成 · "
        "Secret from which passwords of departments' database logins are derived; empty: made in CASEHUB_HOME.",
    )
    change_days: int = Field(
        0,
        ge=0,
        le=3650,
        description="/v1/changes 可追溯的天数；0 表示不限 · Days back to which /v1/changes tells what changed; 0: all of it.",
    )
    change_places: int = Field(
        100,
        ge=1,
        le=150,
        description="同时等待变更的调用方数，长轮询与流合计 · Callers that may wait for changes at once, long polls and streams together.",
    )
    calls_at_once: int = Field(
        8,
        ge=1,
        le=1000,
        description="每个调用方同时处理的请求数上限，超过则返回 429；/v1/changes 另计 · "
        "Requests of one caller that are answered at a time; then 429. Those of /v1/changes are counted apart.",
    )
    batches_at_once: int = Field(2, ge=1, le=1000, description="其中批量匹配的上限 · Of these, batches of /v1/match/batch.")
    feeds_at_once: int = Field(
        2,
        ge=1,
        le=1000,
        description="每个调用方不带 wait 同时读取 /v1/changes 的页数上限，超过则返回 429 · "
        "Pages of /v1/changes without wait that are read for one caller at a time; then 429.",
    )
    login_connections: int = Field(
        0,
        ge=0,
        le=10_000,
        description="一个服务进程中各部门登录合计的数据库连接数上限；0 表示数据库 max_connections 的一半 · "
        "Connections to the database that departments' logins have together in one server process; 0: half of its max_connections.",
    )
    watches_each: int = Field(50, ge=0, le=10_000, description="每个调用方的关注数上限 · Watches that one caller may have.")
    watch_days: int = Field(
        30, ge=1, le=3650, description="关注的事件和投递记录的保留天数 · Days for which a watch's events and deliveries are kept."
    )
    webhook_hosts: str = Field(
        "",
        description="webhook 可投递的主机名或域名，以逗号分隔，可为内网地址；空则为任何公网主机 · "
        "Host names or domains that webhooks may lead to, separated by commas, private addresses too; empty: any public host.",
    )
    webhook_ports: str = Field(
        "443,8443", pattern=r"^\s*\d{1,5}(\s*,\s*\d{1,5})*\s*$", description="webhook 可投递的端口 · Ports that webhooks may lead to."
    )
    webhook_loopback: bool = Field(
        False,
        description="webhook 可投递到本机，也可用 http：仅用于测试和演示 · "
        "Webhooks may lead to this machine, by http too: for tests and demonstrations alone.",
    )
    webhook_attempts: int = Field(
        10, ge=1, le=30, description="投递次数上限，之后转入死信列表 · Attempts after which a delivery is put on the dead-letter list."
    )
    lookup_rows: int = Field(50_000, ge=1, le=200_000, description="一次批量查询的最多行数 · Most rows of one batch look-up.")
    lookup_bytes: int = Field(
        16 << 20, ge=1024, le=256 << 20, description="批量查询文件的最多字节数 · Most bytes of a batch look-up's file."
    )
    lookup_jobs: int = Field(
        3, ge=1, le=100, description="每个调用方同时未完成的批量查询数上限 · Batch look-ups that a caller may have unfinished at a time."
    )
    lookup_days: int = Field(
        7, ge=1, le=366, description="批量查询及其结果的保留天数 · Days after which a batch look-up and its result are deleted."
    )
    emergency_hours: int = Field(
        4, ge=1, le=72, description="紧急访问受限记录的有效小时数 · Hours that an emergency access to restricted records lasts."
    )
    export_rows: dict[str, int] = Field(
        {"*": 50_000, "system": 500_000, "admin": 500_000},
        description="各角色一次可导出的最多行数，写作 JSON；* 指其他角色，0 表示不可导出 · "
        "Most rows that a role may export at once, as JSON; * stands for every other role, 0 for none.",
    )
    export_seconds: int = Field(1_800, ge=10, le=86_400, description="导出用时的上限，超过即中断 · Time after which an export breaks off.")
    export_idle_seconds: int = Field(
        60,
        ge=5,
        le=3_600,
        description="导出文件无人接收的时限，超过即中断 · Time after which an export whose file nobody takes breaks off.",
    )
    encryption_keys_file: Path | None = Field(
        None,
        description="加密库中证件号码和电话所用的密钥文件；空则不加密 · "
        "File with the keys that ID numbers and phones are encrypted with in the store; empty: they are not encrypted.",
    )
    encryption_keys_command: str = Field(
        "",
        description="输出密钥文件内容的命令，由各进程启动时运行，可来自密钥管理服务；不经 shell · "
        "Command that prints the same, run by each process at its start: of a key management service. No shell is between.",
    )
    exports_at_once: int = Field(
        2,
        ge=1,
        le=8,
        description="每个部门的每种角色在一台服务器上可同时进行的导出数 · "
        "Exports of one department and role that one server runs at a time.",
    )

    @field_validator("audit_head", "login_secret_file", "encryption_keys_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("encryption_keys_command")
    @classmethod
    def _without_blanks(cls, value: str) -> str:
        return value.strip()

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for part in lists.parts(value):
            try:
                ipaddress.ip_network(part)
            except ValueError:
                raise ValueError(f"{part} 不是地址，也不是网段 · {part} is no address and no network") from None
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _are_issuers(cls, value: str) -> str:
        urls = [_BOUND_ISSUER.sub("", part) for part in lists.parts(value)]
        for url in urls:
            if not is_safe_on_the_way(url) or "?" in url or "#" in url:
                raise ValueError(
                    "签发方应为 https:// 地址，不含 ? 和 #（仅本机可用 http://） · "
                    "an issuer is an https:// address without ? and # (http:// on this machine alone)"
                )
        if len(set(urls)) < len(urls):
            raise ValueError("同一签发方出现两次 · an issuer is named twice")
        return value

    @field_validator("oidc_audience", "oidc_name_claim", "oidc_role_claim", "oidc_department_claim")
    @classmethod
    def _is_given(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("不得为空 · must not be empty")
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
    def audit_head_file(self) -> Path:
        """Where the audit chain's head is published."""
        return self.audit_head or self.home / "audit-head.jsonl"


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
            f"{name}: {field_words.told(first)}",
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
