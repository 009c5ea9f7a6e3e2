"""Files over SFTP and in an S3 bucket, from real servers."""

from __future__ import annotations

import gzip
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from hub.errors import SourceFormatError, SourceLimitError, SourceRefused, SourceUnavailable
from tests.integration.connectors.servers import SftpServer, free_port
from tests.unit.connectors.builders import file_contract, payloads, pull


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[SftpServer]:
    (tmp_path / "out").mkdir()
    server = SftpServer(tmp_path)
    yield server
    server.stop()


def connect(monkeypatch: pytest.MonkeyPatch, **options: str) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", json.dumps(options))


def connect_sftp(monkeypatch: pytest.MonkeyPatch, server: SftpServer, **overrides: str) -> None:
    connect(monkeypatch, **{"url": server.url, "password": "right", "known_host_key": server.host_key, **overrides})


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.csv", content)
    return buffer.getvalue()


def test_files_over_sftp(sftp: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect_sftp(monkeypatch, sftp)
    (tmp_path / "out" / "台账 2.csv").write_bytes("\ufeffid,name\n2,王\n".encode())
    (tmp_path / "out" / "台账 1.csv").write_bytes(gzip.compress(b"id,name\n1,a\n"))
    (tmp_path / "out" / ".台账.csv").write_bytes(b"half")
    (tmp_path / "out" / "folder.csv").mkdir()
    assert [row["id"] for row in payloads(pull(file_contract("台账*.csv")))] == ["1", "2"]


def test_links_over_sftp_are_followed(sftp: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect_sftp(monkeypatch, sftp)
    (tmp_path / "out" / "folder").mkdir()
    (tmp_path / "out" / "folder" / "x").write_bytes(b"id,name\n2,b\n")
    (tmp_path / "out" / "1.csv").write_bytes(b"id,name\n1,a\n")
    (tmp_path / "out" / "2.csv").symlink_to("folder/x")
    (tmp_path / "out" / "3.csv").symlink_to("folder")
    assert [row["id"] for row in payloads(pull(file_contract("*.csv")))] == ["1", "2"]
    (tmp_path / "out" / "4.csv").symlink_to("nowhere")
    with pytest.raises(SourceUnavailable, match="no file or folder"):
        pull(file_contract("*.csv"))


def test_a_large_zip_over_sftp(sftp: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect_sftp(monkeypatch, sftp)
    content = b"id,name\n" + b"".join(b"%d,name %d\n" % (number, number * number) for number in range(60_000))
    (tmp_path / "out" / "cases.zip").write_bytes(zipped(content))
    assert sum(page.rows.num_rows for page in pull(file_contract("cases.zip"))) == 60_000
    with pytest.raises(SourceLimitError):
        pull(file_contract("cases.zip", max_response_bytes=100_000))
    whole = (tmp_path / "out" / "cases.zip").read_bytes()
    (tmp_path / "out" / "cases.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceFormatError, match="truncated or damaged"):
        pull(file_contract("cases.zip"))


@pytest.mark.parametrize("path", ["cases.csv", "*.csv"])
def test_a_file_that_is_not_there(sftp: SftpServer, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    connect_sftp(monkeypatch, sftp)
    with pytest.raises(SourceUnavailable, match="no file matches"):
        pull(file_contract(path))


def other_key() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        pytest.param({"password": "hunter2"}, "is refused", id="wrong password"),
        pytest.param({"known_host_key": other_key()}, "host key is not the known one", id="another host key"),
        pytest.param({"known_host_key": "nonsense"}, "host key is not the known one", id="no key at all"),
    ],
)
def test_a_server_that_cannot_be_trusted_or_does_not_trust(
    sftp: SftpServer, monkeypatch: pytest.MonkeyPatch, overrides: dict[str, str], words: str
) -> None:
    connect_sftp(monkeypatch, sftp, **overrides)
    with pytest.raises(SourceRefused, match=words) as caught:
        pull(file_contract("*.csv"))
    assert "hunter2" not in str(caught.value)


def test_a_host_key_that_nobody_gave_is_not_taken_on_trust(sftp: SftpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    connect(monkeypatch, url=sftp.url, password="right")
    with pytest.raises(SourceRefused, match="host key"):
        pull(file_contract("*.csv"))


def test_an_sftp_server_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cases.csv").write_bytes(b"id,name\n1,a\n")
    server = SftpServer(tmp_path, read_delay_s=4)
    connect_sftp(monkeypatch, server)
    started = time.monotonic()
    with pytest.raises(SourceUnavailable):
        pull(file_contract("cases.csv", timeout_s=1))
    assert time.monotonic() - started < 4
    server.stop()


def test_an_sftp_server_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, url=f"sftp://u@127.0.0.1:{free_port()}/", password="p", known_host_key=other_key())
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        pull(file_contract("*.csv"))


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """An S3 server in this process."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {"endpoint_url": f"http://{host}:{port}", "key": "k", "secret": "s", "region": "us-east-1"}
    server.stop()


def put(s3: dict[str, str], files: dict[str, bytes]) -> None:
    import s3fs

    fs: Any = s3fs.S3FileSystem(key="k", secret="s", endpoint_url=s3["endpoint_url"], skip_instance_cache=True)
    if not fs.exists("justice"):
        fs.mkdir("justice")
    for name, content in files.items():
        fs.pipe_file(f"justice/{name}", content)


def test_files_in_a_bucket(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    put(
        s3, {"a/2.jsonl.gz": gzip.compress('{"id": 2, "name": "王"}\n'.encode()), "a/1.jsonl.gz": gzip.compress(b'{"id": 1}\n'), "b/3": b""}
    )
    connect(monkeypatch, url="s3://justice/a", **s3)
    assert [row["id"] for row in payloads(pull(file_contract("*.jsonl.gz", "jsonl")))] == [1, 2]


def test_a_bucket_that_is_not_there(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, url="s3://nowhere/a", **s3)
    with pytest.raises(SourceUnavailable):
        pull(file_contract("cases.jsonl", "jsonl"))


def test_an_s3_server_that_is_down(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, url="s3://justice/a", **{**s3, "endpoint_url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        pull(file_contract("*.jsonl", "jsonl"))
