"""What some tests want and the repository does not hold; where it is not there they are passed over, and the report of a run says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

#: Real messages and complaints: `messages/` and `fuzhou/`, as they were published.
DATA = Path(os.environ.get("CASEHUB_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
#: URL of a database that tests may fill.
MARIADB = os.environ.get("CASEHUB_TEST_MARIADB_URL", "")
#: Folder with openapi-python-client, whose own requirements are older than the hub's.
GENERATOR = os.environ.get("CASEHUB_TEST_CLIENT_GENERATOR", "")

NO_MARIADB = "CASEHUB_TEST_MARIADB_URL names no server; .ci/run installs one and gives its URL"
NO_GENERATOR = "CASEHUB_TEST_CLIENT_GENERATOR names no folder with openapi-python-client; .ci/run brings it"
with_data = pytest.mark.skipif(not (DATA / "messages").is_dir(), reason=f"no real messages in {DATA}; set CASEHUB_TEST_DATA")
