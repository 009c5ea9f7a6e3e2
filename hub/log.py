"""Logging: one format, to standard error, without the chatter of libraries. Messages carry ids and counts, never values."""

from __future__ import annotations

import logging

_CHATTY = ("great_expectations", "httpx", "httpcore", "asyncssh", "alembic", "sqlalchemy", "botocore", "urllib3", "fsspec", "opencc")


def configure_logging(level: str) -> None:
    """Set the format and level of this process's log.

    Args:
        level: DEBUG, INFO, WARNING or ERROR; libraries stay at WARNING.
    """
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z")
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
