"""Credentials and addresses by name, from the environment: CASEHUB_CONNECTION_<NAME>.

Its value is a URL, a JSON object, or @/path/of/a/file that holds either.

Never in a contract, never in a log: a Connection shows its name alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from connectors.document import did_you_mean
from hub.errors import SettingsError
from hub.wording import Words

#: What a JSON object may hold, by the connector's kind; `url` or `secret` is what it must hold.
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sql": ("url",),
        "rest": ("url", "api_key", "username", "password", "token", "token_url", "client_id", "client_secret", "scope"),
        "soap": ("url", "api_key", "username", "password", "token", "token_url", "client_id", "client_secret", "scope"),
        "file": ("url", "username", "password", "client_key", "known_host_key", "endpoint_url", "key", "secret", "region"),
        "inbox": ("secret",),
    }
)


@dataclass(frozen=True)
class Connection:
    """Where a system is and how to get in.

    Attributes:
        name: as contracts call it.
        url: the address; "" for an inbox.
        options: what else the JSON object held: password, api_key, token …
    """

    name: str
    url: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def need(self, *names: str) -> tuple[str, ...]:
        """Options that an authentication cannot do without.

        Raises:
            SettingsError: some are missing; names each of them.
        """
        missing = [name for name in names if not self.options.get(name)]
        if missing:
            setting, quoted = variable(self.name), ", ".join(f'"{name}"' for name in missing)
            raise SettingsError(
                f"{setting} 缺少 {'、'.join(missing)} · {setting} has no {' and no '.join(missing)}",
                remedy=f"改为含有 {quoted} 的 JSON 对象 · make it a JSON object with {quoted}",
                setting=setting,
            )
        return tuple(self.options[name] for name in names)


def variable(name: str) -> str:
    """The environment variable of a connection."""
    return f"CASEHUB_CONNECTION_{name.upper()}"


def load_connection(name: str, kind: str, environ: Mapping[str, str] | None = None) -> Connection:
    """The connection of a name.

    Args:
        name: as the contract says.
        kind: the connector's kind, which decides what the object may hold.
        environ: where to look; None takes the process's environment.

    Raises:
        SettingsError: the variable is missing, its file cannot be read, or it holds something else; never shows the value.
    """
    setting = variable(name)
    text = (os.environ if environ is None else environ).get(setting, "").strip()
    if not text:
        raise _unusable(setting, kind, Words("未设置", "is not set"))
    if text.startswith("@"):
        text = _read(Path(text[1:]), setting)
    if not text.startswith("{"):
        return Connection(name, *_plain(text, kind, setting))
    options = _object(text, kind, setting)
    url = options.pop("url", "")
    if kind == "inbox" and not options.get("secret"):
        raise _unusable(setting, kind, Words("没有 secret", "has no secret"))
    if kind != "inbox" and not url:
        raise _unusable(setting, kind, Words("没有 url", "has no url"))
    return Connection(name, url, options)


def _plain(text: str, kind: str, setting: str) -> tuple[str, dict[str, str]]:
    if kind == "inbox":
        return "", {"secret": text}
    if "://" not in text and not (kind == "file" and text.startswith("/")):
        raise _unusable(setting, kind, Words("既不是 URL 也不是 JSON 对象", "is neither a URL nor a JSON object"))
    return text, {}


def _read(path: Path, setting: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None)
        reason = Words(said, said) if said else Words("不是 UTF-8 文本", "not UTF-8 text")
        raise SettingsError(
            f"{setting}: 无法读取 {path}（{reason.zh}） · {path} cannot be read ({reason.en})",
            remedy="更正 @ 后的路径 · correct the path after @",
            setting=setting,
        ) from None


def _object(text: str, kind: str, setting: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        raise _unusable(setting, kind, Words("不是有效的 JSON", "is not valid JSON")) from None
    for key, value in found.items():
        if key not in KEYS[kind]:
            raise SettingsError(
                f"{setting}: {kind} 没有选项 {key!r} · {key!r} is no option of {kind}",
                remedy=did_you_mean(key, KEYS[kind]),
                setting=setting,
            )
        if not isinstance(value, str):
            raise SettingsError(
                f"{setting}: {key} 不是文本 · {key} is not a text", remedy=f'写作 "{key}": "…" · write "{key}": "…"', setting=setting
            )
    return dict(found)


def _unusable(setting: str, kind: str, fault: Words) -> SettingsError:
    remedy = f"设置该变量 · set it: export {setting}={_example(kind)}"
    return SettingsError(f"{setting} {fault.zh} · {setting} {fault.en}", remedy=remedy, setting=setting)


def _example(kind: str) -> str:
    return {
        "sql": "'postgresql+psycopg2://user:password@host/database'",
        "rest": """'{"url": "https://host", "api_key": "…"}'""",
        "soap": """'{"url": "https://host", "username": "…", "password": "…"}'""",
        "file": '\'file:///folder\' or \'{"url": "sftp://user@host/folder", "password": "…"}\'',
        "inbox": """'{"secret": "…"}'""",
    }[kind]
