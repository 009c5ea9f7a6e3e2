"""What encryption at rest costs: `python -m benchmarks encryption`.

One value in microseconds; then a whole pass over a simulated world, and questions to the API on what it left, in the clear and
encrypted by turns. RECORDS (10,000) and ASKED (200 questions of a kind and run) are read from the environment.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import text

from api.access import Caller
from api.authentication.keys import create_key
from benchmarks.ground import Ground, ground, process, wait_until_ready
from benchmarks.harness import RUNS, Row, run, show
from hub.encryption import KeyRing, Protected, clear_rows, using
from hub.encryption.key_document import KeyDocument, with_new_key, write_document

_VALUES = 20_000
_API_PORT = 18481
_CIPHERS = ("AES-256-GCM", "SM4-GCM")
_CLEAR = "in the clear"
_ASKED = """
SELECT DISTINCT ON (m.case_id) m.case_id, p.phone FROM store.party p
JOIN store.source_record r ON r.record_id = p.record_id AND r.version = p.version AND r.visibility = 'shared'
JOIN store.case_member m ON m.record_id = p.record_id AND m.known_to IS NULL
WHERE p.known_to IS NULL AND length(p.phone) >= 11 ORDER BY m.case_id LIMIT %(most)s
"""


@dataclass
class _Figures:
    """Of one way of keeping values, a figure a run."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def rows(self, name: str, units: dict[str, str], beside: _Figures | None) -> Iterator[Row]:
        for what, unit in units.items():
            own = self.values[what]
            note = f"{statistics.median(own) / statistics.median(beside.values[what]):.2f} × {_CLEAR}" if beside else ""
            yield Row(f"{what}, {name}", own, unit, note=note)


def measure_encryption() -> None:
    """Print what one value costs, and what that comes to."""
    show("one value", [row for cipher in _CIPHERS for row in _one_value(cipher)])
    records = int(os.environ.get("RECORDS", "10000"))
    with tempfile.TemporaryDirectory(prefix="casehub-keys-") as folder, ground(records) as place:
        rows = _by_turns(place, Path(folder))
    show(f"{records:,} records", rows)


def _one_value(cipher: str) -> list[Row]:
    keys = KeyRing(_document(cipher))
    phones = [f"138{number:08d}" for number in range(_VALUES)]
    payload = b'{"text": "' + b"x" * 1000 + b'"}'
    stored = [keys.store_number(Protected.PHONE, phone) for phone in phones]
    documents = [keys.store_document(Protected.PAYLOAD, payload) for _ in phones]
    work: dict[str, Callable[[], object]] = {
        "a phone encrypted": lambda: [keys.store_number(Protected.PHONE, phone) for phone in phones],
        "a phone decrypted": lambda: [keys.number(Protected.PHONE, one) for one in stored],
        "1 kB of payload encrypted": lambda: [keys.store_document(Protected.PAYLOAD, payload) for _ in phones],
        "1 kB of payload decrypted": lambda: [keys.document(Protected.PAYLOAD, one) for one in documents],
    }
    return [Row(f"{what}, {cipher}", [_us(once) for _ in range(RUNS)], "µs") for what, once in work.items()]


def _us(once: Callable[[], object]) -> float:
    start = time.perf_counter()
    once()
    return 1e6 * (time.perf_counter() - start) / _VALUES


def _document(cipher: str) -> KeyDocument:
    return with_new_key(None, "bench", cipher)  # type: ignore[arg-type] # one of _CIPHERS


def _by_turns(place: Ground, folder: Path) -> list[Row]:
    documents = {cipher: _document(cipher) for cipher in _CIPHERS}
    files = {cipher: folder / f"{cipher}.json" for cipher in _CIPHERS}
    for cipher, document in documents.items():
        write_document(files[cipher], document)
    found = {name: _Figures() for name in (_CLEAR, *_CIPHERS)}
    for _ in range(RUNS):
        for name, figures in found.items():
            keys = {} if name == _CLEAR else {"CASEHUB_ENCRYPTION_KEYS_FILE": str(files[name])}
            place.empty()
            usage = run([sys.executable, "-m", "cli.main", "run"], place.environment | keys)
            figures.values["a pass, extract to publish"].append(usage.seconds)
            figures.values["  processor time of its process"].append(usage.cpu_seconds)
            figures.values["the store"].append(_megabytes(place))
            _analyse(place)
            with using(None if name == _CLEAR else KeyRing(documents[name])):
                _ask(place, place.environment | keys, figures)
    units = {"a pass, extract to publish": "s", "  processor time of its process": "s", "the store": "MB"} | {
        f"{what}, {part}": "ms" for what in ("a case with its parties", "a phone", "the end of a phone") for part in ("p50", "p95")
    }
    return [row for name, figures in found.items() for row in figures.rows(name, units, None if name == _CLEAR else found[_CLEAR])]


def _analyse(place: Ground) -> None:
    """Have the planner know every store alike: else it is chance whether autovacuum has been there."""
    with place.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _megabytes(place: Ground) -> float:
    with place.engine.connect() as connection:
        return float(connection.execute(text("SELECT pg_database_size(current_database()) / 1e6")).scalar_one())


def _ask(place: Ground, environment: dict[str, str], figures: _Figures) -> None:
    """Questions of a clerk, one after another, of values that were not asked for before."""
    most = int(os.environ.get("ASKED", "200"))
    with place.engine.connect() as connection:
        rows = clear_rows([dict(row) for row in connection.exec_driver_sql(_ASKED, {"most": most}).mappings()])
    key = create_key(place.engine, Caller(f"bench-{time.time_ns()}", "system", "labour"), 1)
    headers = {"Authorization": f"Bearer {key}", "X-Purpose": "handling", "X-Case-Reference": "B-1"}
    url = f"http://127.0.0.1:{_API_PORT}"
    command = [sys.executable, "-m", "cli.main", "serve"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(process(command, environment | {"CASEHUB_API_PORT": str(_API_PORT)}))
        wait_until_ready(f"{url}/healthz")
        client = stack.enter_context(httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60))
        kinds: dict[str, Callable[[dict[str, object]], httpx.Response]] = {
            "a case with its parties": lambda row: client.get(f"/v1/cases/{row['case_id']}", params={"include": "parties"}),
            "a phone": lambda row: client.post("/v1/cases/search", json={"q": row["phone"]}),
            "the end of a phone": lambda row: client.post("/v1/cases/search", json={"q": str(row["phone"])[-4:]}),
        }
        for what, ask in kinds.items():
            times = [_ms(ask, row) for row in rows][len(rows) // 10 :]  # the first warm up
            figures.values[f"{what}, p50"].append(statistics.median(times))
            figures.values[f"{what}, p95"].append(statistics.quantiles(times, n=20)[-1])


def _ms(ask: Callable[[dict[str, object]], httpx.Response], row: dict[str, object]) -> float:
    start = time.perf_counter()
    ask(row).raise_for_status()
    return 1000 * (time.perf_counter() - start)
