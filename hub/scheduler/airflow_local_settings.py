"""Loaded by Airflow's scheduler alone: what its tasks need and is slow to import, imported once before they are forked.

The LocalExecutor forks a worker for its slots and each worker forks its tasks, so that what stands here is there at once in
every task, instead of three to six seconds of processor time in each. Only packages of others belong here, and only importing them:
polars must not be *used* before a fork (its threads do not survive it), and the hub's own modules stay fresh.
"""

from __future__ import annotations

import importlib
import logging
import os

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")  # characters alone are looked up in it
logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells of hundreds of functions that it registers

PACKAGES = (
    *("pandas", "great_expectations", "great_expectations.core", "great_expectations.render.renderer.page_renderer"),
    *("polars", "pyarrow", "pyarrow.compute", "numpy", "scipy.sparse.csgraph", "rapidfuzz.process", "rapidfuzz.distance"),
    *("sqlalchemy.dialects.postgresql", "psycopg2", "alembic.command", "alembic.script", "psutil", "pydantic_settings", "orjson", "yaml"),
    *("phonenumbers", "opencc", "pypinyin", "jmespath", "httpx", "lxml.etree"),
)

for _name in PACKAGES:
    importlib.import_module(_name)

__all__: list[str] = []
