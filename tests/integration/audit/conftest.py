"""Fixtures of the audit log's tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    """Where heads are published."""
    return tmp_path / "heads.jsonl"
