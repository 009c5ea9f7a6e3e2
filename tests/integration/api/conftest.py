"""Fixtures of the API's tests: a fresh store and a server on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.integration.api.builders import Api, Store, running_api


@pytest.fixture
def api(database: Engine) -> Iterator[Api]:
    """A running API, asked without a token; `api.as_(role, department)` has one."""
    with running_api(database) as running:
        yield running


@pytest.fixture
def store(api: Api) -> Store:
    """What is under it."""
    return api.store
