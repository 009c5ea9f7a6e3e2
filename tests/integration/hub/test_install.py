"""`requirements/install.sh` and `make clean` where an installation was broken off: the next one is whole, and clean still cleans."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# A Python that writes down what it was asked for; as `python -m venv` it makes one like itself, which has pip.
PYTHON = """#!/bin/sh
echo "$0 $*" >>calls
case "$*" in
    "-m venv --clear .venv") rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python; : >.venv/has-pip ;;
    "-m pip --version") [ -e .venv/has-pip ] ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What an installation begins with, in a folder with a blank in its name."""
    root = tmp_path / "case hub"
    (root / "requirements").mkdir(parents=True)
    for name in ("install.sh", "uv.txt", "dev.txt"):
        shutil.copy(ROOT / "requirements" / name, root / "requirements" / name)
    for name in ("pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, root / name)
    python = root / "a python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return root


def calls(root: Path, *command: str) -> list[str]:
    """What was asked of Python by a command that must come through."""
    (root / "calls").unlink(missing_ok=True)
    environment = {**os.environ, "PYTHON": str(root / "a python")}
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    return (root / "calls").read_text().splitlines() if (root / "calls").exists() else []


def made_anew(told: list[str]) -> bool:
    return any(line.endswith("-m venv --clear .venv") for line in told)


def test_one_that_was_broken_off_before_it_had_pip_is_made_anew(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(checkout / "a python", checkout / ".venv" / "bin" / "python")
    assert made_anew(calls(checkout, "requirements/install.sh", "dev"))
    (checkout / ".venv" / "installed-dev").unlink()
    again = calls(checkout, "requirements/install.sh", "dev")
    assert again
    assert not made_anew(again)
    assert calls(checkout, "requirements/install.sh", "dev") == []


def test_clean_takes_away_one_that_was_broken_off(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    (checkout / ".venv" / "bin" / "python").chmod(0o755)
    (checkout / "var").mkdir()
    calls(checkout, "make", "clean")
    assert not (checkout / ".venv").exists()
    assert (checkout / "var").exists()
