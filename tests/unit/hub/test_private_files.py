"""Secrets in files: for their owner alone, and never half a one."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.private_files import write_private


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
