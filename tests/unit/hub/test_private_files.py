"""Secrets in files: for their owner alone, and never half a one."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from hub.errors import RequestError
from hub.private_files import private_file, write_private, write_private_file


def test_a_secret_is_its_owners_alone(tmp_path: Path) -> None:
    write_private(tmp_path / "secret", "first")
    write_private(tmp_path / "secret", "second")
    assert (tmp_path / "secret").read_text() == "second"
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_whoever_is_killed_while_writing_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_private(tmp_path / "secret", "whole")
    write = Path.write_text

    def killed(path: Path, text: str) -> int:
        write(path, text[:2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            write_private(tmp_path / "secret", "another")
    assert (tmp_path / "secret").read_text() == "whole"
    write_private(tmp_path / "secret", "another")
    assert (tmp_path / "secret").read_text() == "another"


def test_a_file_that_was_asked_for_is_its_owners_alone_whoever_could_read_it_before(tmp_path: Path) -> None:
    there, linked = tmp_path / "there.csv", tmp_path / "linked.csv"
    there.write_text("before")
    there.chmod(0o644)
    linked.symlink_to(there)
    write_private_file(linked, "号码")
    assert linked.is_symlink()
    assert (there.read_text(encoding="utf-8"), there.stat().st_mode & 0o777) == ("号码", 0o600)


def test_whoever_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("before")
    with pytest.raises(KeyboardInterrupt), private_file(tmp_path / "there.csv") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_what_is_no_file_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "null.csv").symlink_to("/dev/null")
    for name in ("folder.csv", "pipe.csv", "null.csv"):
        with pytest.raises(RequestError, match="what is there is no file"):
            write_private_file(tmp_path / name, "号码")
    assert Path("/dev/null").is_char_device()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "null.csv", "pipe.csv"]


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("before")
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, former[1]))
    try:
        with pytest.raises(RequestError, match="there.csv cannot be written"):
            write_private_file(tmp_path / "there.csv", "号码" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there.csv cannot be written"):
        write_private_file(tmp_path / "nowhere" / "there.csv", "")
