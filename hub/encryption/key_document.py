"""The key document: which keys there are, which one is written with, and what numbers are looked up by. From a file, or from a command.

{"current": "2026-11", "lookup": "<32 bytes, base64>",
 "keys": {"2026-11": {"cipher": "AES-256-GCM", "key": "<32 bytes, base64>"}}}
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import secrets
import shlex
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hub import field_words
from hub.errors import SettingsError
from hub.settings import Settings
from hub.wording import Words

Cipher = Literal["AES-256-GCM", "SM4-GCM"]
KEY_BYTES: dict[str, int] = {"AES-256-GCM": 32, "SM4-GCM": 16}
LOOKUP_BYTES = 32
KEY_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$"
RESERVED = "lookup"  # what the store writes the lookup key down as
COMMAND_TIMEOUT_S = 30
FILE_SETTING, COMMAND_SETTING = "CASEHUB_ENCRYPTION_KEYS_FILE", "CASEHUB_ENCRYPTION_KEYS_COMMAND"


class Key(BaseModel):
    """One key.

    Attributes:
        cipher: what it is a key of.
        key: itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cipher: Cipher = "AES-256-GCM"
    key: bytes = Field(repr=False)

    @field_validator("key", mode="before")
    @classmethod
    def _decoded(cls, value: object) -> bytes:
        return _from_base64(value)

    @model_validator(mode="after")
    def _is_long_enough(self) -> Key:
        if len(self.key) != KEY_BYTES[self.cipher]:
            raise ValueError(
                f"{self.cipher} 的密钥须为 {KEY_BYTES[self.cipher]} 字节 · a key of {self.cipher} has {KEY_BYTES[self.cipher]} bytes"
            )
        return self


class KeyDocument(BaseModel):
    """All keys.

    Attributes:
        current: id of the key that is written with.
        lookup: what hashes of numbers are keyed with; it stays when keys change.
        keys: by id: the current one, and those that values may still be encrypted under.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    current: str
    lookup: bytes = Field(repr=False)
    keys: dict[str, Key]

    @field_validator("lookup", mode="before")
    @classmethod
    def _decoded(cls, value: object) -> bytes:
        return _from_base64(value)

    @model_validator(mode="after")
    def _is_whole(self) -> KeyDocument:
        if len(self.lookup) != LOOKUP_BYTES:
            raise ValueError(f"lookup 须为 {LOOKUP_BYTES} 字节 · lookup has {LOOKUP_BYTES} bytes")
        if not all(re.match(KEY_ID, name) and name != RESERVED for name in self.keys):
            raise ValueError(
                f"密钥标识由字母、数字组成，首字符之后可有 . _ -，至多 40 个字符，且不得为 {RESERVED} · "
                f"a key's id is letters, digits, and . _ - after the first, 40 at most, and not {RESERVED}"
            )
        if self.current not in self.keys:
            raise ValueError("current 不是 keys 中的密钥 · current names no key of keys")
        if self.lookup in {key.key for key in self.keys.values()} or len({key.key for key in self.keys.values()}) < len(self.keys):
            raise ValueError("同一个密钥出现两次 · one key stands twice")
        return self

    def as_json(self) -> str:
        """The document, with its keys."""
        keys = {name: {"cipher": one.cipher, "key": base64.b64encode(one.key).decode()} for name, one in self.keys.items()}
        return json.dumps({"current": self.current, "lookup": base64.b64encode(self.lookup).decode(), "keys": keys}, indent=2) + "\n"


def read_document(settings: Settings) -> KeyDocument | None:
    """What the settings name; None: nothing, and nothing is encrypted.

    Raises:
        SettingsError: it cannot be had, others may read the file, or it says what cannot be done; never repeats any of it.
    """
    if settings.encryption_keys_file is not None and settings.encryption_keys_command:
        raise SettingsError(
            f"{FILE_SETTING} 和 {COMMAND_SETTING} 不能同时设置 · {FILE_SETTING} and {COMMAND_SETTING} are both set",
            remedy="只设置其中一个，另一个留空 · set one of the two, and leave the other empty",
            setting=FILE_SETTING,
        )
    if settings.encryption_keys_file is not None:
        return parse_document(_read_file(settings.encryption_keys_file), FILE_SETTING)
    if settings.encryption_keys_command:
        return parse_document(_run(settings.encryption_keys_command), COMMAND_SETTING)
    return None


def parse_document(text: str, setting: str) -> KeyDocument:
    """A key document as JSON or YAML.

    Raises:
        SettingsError: says where the mistake is, and never what stands there.
    """
    try:
        return KeyDocument.model_validate(_loaded(text))
    except yaml.YAMLError:
        problem = "既不是 JSON 也不是 YAML · it is neither JSON nor YAML"
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        problem = f"{'.'.join(map(str, first['loc'])) or 'document'}: {field_words.told(first)}"
    raise SettingsError(
        f"无法读取 {setting} 的密钥文件 · the key document of {setting} cannot be read: {problem}",
        remedy="用 `casehub encryption new-key FILE` 生成；格式见 docs/operations.md · "
        "`casehub encryption new-key FILE` makes one; docs/operations.md says what stands in it",
        setting=setting,
    )


def _loaded(text: str) -> object:
    """JSON first: YAML takes no tabs to indent by, as JSON does."""
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)


def with_new_key(document: KeyDocument | None, key_id: str, cipher: Cipher) -> KeyDocument:
    """The document with one more key, which is written with from now on; a new one where there was none.

    Raises:
        SettingsError: there is a key of that id, or it is no id.
    """
    known = {} if document is None else dict(document.keys)
    if key_id in known:
        raise SettingsError(
            f"已有密钥 {key_id} · there is a key {key_id} already",
            remedy="给新密钥另取标识 · give the new one another id",
            setting=FILE_SETTING,
        )
    made = {
        "current": key_id,
        "lookup": base64.b64encode(secrets.token_bytes(LOOKUP_BYTES) if document is None else document.lookup).decode(),
        "keys": {name: {"cipher": one.cipher, "key": base64.b64encode(one.key).decode()} for name, one in known.items()}
        | {key_id: {"cipher": cipher, "key": base64.b64encode(secrets.token_bytes(KEY_BYTES[cipher])).decode()}},
    }
    return parse_document(json.dumps(made), FILE_SETTING)


def write_document(path: Path, document: KeyDocument) -> None:
    """Write it, for its owner alone, whole or not at all.

    Raises:
        SettingsError: the file cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600 from the first byte on
        with os.fdopen(handle, "w") as file:
            file.write(document.as_json())
            file.flush()
            os.fsync(file.fileno())
            if path.exists() and os.geteuid() == 0:  # whoever it was for must be able to read it still
                os.fchown(file.fileno(), path.stat().st_uid, path.stat().st_gid)
        Path(name).replace(path)
    except OSError as error:
        raise SettingsError(
            f"无法写入 {path}（{error.strerror}） · {path} cannot be written ({error.strerror})",
            remedy="改存到有写入权限的目录 · name a file in a folder of yours",
        ) from None


def read_file(path: Path) -> KeyDocument:
    """The document of a file.

    Raises:
        SettingsError: it cannot be read, others may read it, or it says what cannot be done.
    """
    return parse_document(_read_file(path), FILE_SETTING)


def _read_file(path: Path) -> str:
    try:
        with path.open() as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SettingsError(
                    f"所有者以外的用户可读 {path} · others than its owner may read {path}",
                    remedy=f"以所有者身份运行 `chmod 600 {path}` · run `chmod 600 {path}` as its owner",
                    setting=FILE_SETTING,
                )
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = Words(str(error.strerror), str(error.strerror)) if isinstance(error, OSError) else Words("不是文本", "it is no text")
        raise SettingsError(
            f"无法读取密钥文件 {path}（{reason.zh}） · the key file {path} cannot be read ({reason.en})",
            remedy=f"更正 {FILE_SETTING} · correct {FILE_SETTING}",
            setting=FILE_SETTING,
        ) from None


def _run(command: str) -> str:
    """What a command prints. No shell: what stands in the setting is a program and its arguments."""
    remedy = (
        f"手动运行 {COMMAND_SETTING} 中的命令，它应输出密钥文件 · run what {COMMAND_SETTING} says by hand; it must print the key document"
    )
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command
            shlex.split(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_TIMEOUT_S, check=False, text=True
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise SettingsError(
            f"密钥命令未能运行（{type(error).__name__}） · the key command did not run ({type(error).__name__})",
            remedy=remedy,
            setting=COMMAND_SETTING,
        ) from None
    if done.returncode:
        raise SettingsError(
            f"密钥命令以退出码 {done.returncode} 结束 · the key command ended with {done.returncode}",
            remedy=remedy,
            setting=COMMAND_SETTING,
        )
    return done.stdout


def _from_base64(value: object) -> bytes:
    try:
        return base64.b64decode(value if isinstance(value, str) else "!", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("不是 base64 · is no base64") from None
