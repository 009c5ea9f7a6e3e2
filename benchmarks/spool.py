"""The way in measured alone: every feed's pages are extracted into files first, and landed from there.

`python -m benchmarks.spool extract FOLDER` pulls them; `python -m benchmarks.spool take FOLDER` lands, validates and normalises
them as `casehub run` does, a few departments at a time, and prints what it cost as JSON. What was pushed waits in the hub's own
inbox and is read from there. Importing comes before the clock starts: it is told beside, since a pass pays for it once
whatever its size.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Engine

from cli.session import active_contracts, store
from connectors.contract import Contract
from connectors.extract import Page, Pull, extract
from hub.settings import get_settings


@dataclass(frozen=True)
class Spool:
    """A folder of pages, one Arrow file a page, in a folder a department."""

    folder: Path

    def fill(self, contract: Contract) -> int:
        """Extract a department's feed into files; rows written."""
        place, rows = self.folder / contract.department, 0
        place.mkdir(parents=True)
        for number, page in enumerate(extract(contract, Pull())):
            told = json.dumps({"cursor": page.cursor, "complete": page.complete, "columns": page.columns})
            table = page.rows.replace_schema_metadata({"page": told})
            with pa.ipc.new_file(str(place / f"{number:06}.arrow"), table.schema) as file:
                file.write_table(table)
            rows += table.num_rows
        return rows

    def pages(self, contract: Contract, pull: Pull, engine: Engine) -> Iterable[Page]:
        """The department's pages as they were extracted; a source for LAND."""
        if contract.feed.mode == "events":
            return extract(contract, pull, engine=engine)
        return self._read(contract)

    def _read(self, contract: Contract) -> Iterator[Page]:
        for path in sorted((self.folder / contract.department).iterdir()):
            table = pa.ipc.open_file(str(path)).read_all()
            told = json.loads(table.schema.metadata[b"page"])
            yield Page(table.replace_schema_metadata(None), told["cursor"], told["complete"], tuple(told["columns"]))


def _extract(spool: Spool) -> None:
    rows = sum(spool.fill(contract) for contract in active_contracts(get_settings(), None) if contract.feed.mode != "events")
    print(json.dumps({"rows": rows}))


def _take(spool: Spool) -> None:
    start = time.perf_counter()
    import great_expectations  # noqa: F401 - so that the clock finds it imported

    from pipeline.run import run_pass

    settings = get_settings()
    contracts = active_contracts(settings, None)
    with store() as engine:
        imported = time.perf_counter() - start
        report = run_pass(engine, contracts, settings, source=spool.pages, resolves=False)
    if not report.is_clean:
        sys.exit("\n".join(f"{failure.department}: {failure.message}" for failure in report.failures))
    pulled = sum(batch.pulled for batch in report.batches)
    print(json.dumps({"rows": pulled, "seconds": report.seconds, "import_seconds": imported}))


if __name__ == "__main__":
    {"extract": _extract, "take": _take}[sys.argv[1]](Spool(Path(sys.argv[2])))
