"""The OpenAPI document against the running server: every operation, with what fits its schema and what does not, by all checks."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from api.routes import changes
from tests.integration.api.builders import PURPOSE, Api, Store

EXAMPLES = "5"  # of each operation and phase; a deeper look is `schemathesis run` by hand


@pytest.mark.timeout(600)
def test_schemathesis_finds_nothing(api: Api, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "STREAM_S", 0.1)  # every stream that is well asked for is waited for until its end
    person = uuid.uuid4()
    parties = [{"name": "王小明", "id_no": "440311199001011234", "phone": "13800138000", "entity": person}]
    store.case(store.record("labour", "LD-1", parties, title="拖欠工资"), store.record("petition", "XF-1", parties, title="欠薪"))
    command = [
        sys.executable,
        "-c",
        "import schemathesis.cli; schemathesis.cli.schemathesis()",
        f"--config-file={Path(__file__).with_name('schemathesis.toml')}",
        "run",
        str(api.base_url.join("/openapi.json")),
    ]
    command += ["--checks=all", f"--max-examples={EXAMPLES}", "--seed=1", "--no-color", "--suppress-health-check=all", "--workers=1"]
    headers = {"Authorization": f"Bearer {store.token('admin', 'labour')}", **PURPOSE}
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=580, check=False)
    assert found.returncode == 0, found.stdout[-20_000:] + found.stderr[-2_000:]
