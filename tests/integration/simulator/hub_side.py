"""The hub's side of a pull, without a store: pages as one frame, and what a contract makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
import polars as pl
import pyarrow as pa

from connectors.contract import Contract
from connectors.contract_files import contract_folders
from connectors.extract import Page, Pull, extract, reconcile
from connectors.pages import Paginator, Stamp
from connectors.transports import inbox
from pipeline.normalising.mapping import Mapped, code_lists_of, map_records
from simulator.serve import Systems


@dataclass(frozen=True)
class Pulled:
    """Rows of one pull, the highest cursor, and whether all of it came."""

    rows: pl.DataFrame
    cursor: str | None
    complete: bool
    columns: tuple[str, ...]

    def contents(self, contract: Contract) -> dict[str, bytes]:
        """Key → payload without its volatile fields, of readable rows with a key; the last of several."""
        return {
            key: _content(contract, payload) for key, payload in self.rows.select("source_record_id", "payload").drop_nulls().iter_rows()
        }


def pull(contract: Contract, watermark: str | None = None, *, sweep: bool = False) -> Pulled:
    """What an ordinary pull after a watermark gives, or a sweep of everything."""
    return _gathered(list(reconcile(contract) if sweep else extract(contract, Pull.after(contract, watermark))))


def pushed(contract: Contract, systems: Systems) -> Pulled:
    """Events that wait, as the inbox would hand them on."""
    connector = contract.connector
    assert connector.kind == "inbox"
    rows = [row for burst in systems.events.sender.bursts() for row in inbox._rows(burst.body, connector)]
    stamps = [Stamp(number, inbox._own_id(row, connector)) for number, row in enumerate(rows, start=1)]
    return _gathered([Paginator(contract).page(rows, complete=True, stamps=stamps)])


def mapped(contract: Contract, pulled: Pulled) -> Mapped:
    """Records, parties and refusals of the readable rows; a row without a key goes under "?"."""
    readable = pulled.rows.filter(pl.col("payload").is_not_null())
    if contract.feed.mode == "events":
        readable = readable.unique("event_id", keep="first", maintain_order=True)
    keyed = readable.select(pl.col("source_record_id").fill_null("?"), pl.lit(1, pl.Int32).alias("version"), "payload")
    return map_records(contract, keyed, code_lists_of(contract, contract_folders()))


def _gathered(pages: list[Page]) -> Pulled:
    frame = pl.from_arrow(pa.concat_tables([page.rows for page in pages]))
    assert isinstance(frame, pl.DataFrame)
    cursor = max(filter(None, (page.cursor for page in pages)), default=None)
    columns = tuple(dict.fromkeys(name for page in pages for name in page.columns))
    return Pulled(frame, cursor, pages[-1].complete, columns)


def _content(contract: Contract, payload: str) -> bytes:
    document = orjson.loads(payload)
    kept = {name: value for name, value in document.items() if name not in contract.volatile}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
