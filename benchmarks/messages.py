"""Messages and complaints of residents: which tell of one problem, through a model file alone.

`python -m benchmarks messages` links the 1,396 texts in `messages/` and `fuzhou/` of the folder that CASEHUB_TEST_DATA names, and tells
whether the two groups that their publisher knows to be of one problem were found, and how many links are right by
`messages_read.csv`, the reading of a person. `python -m benchmarks.messages prepare FILE.csv` writes the table for
`casehub match run`, `sample FILE.csv` a hundred links with their texts, for a person to read.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from python_calamine import CalamineWorkbook

from benchmarks.harness import Row, show
from matching.table_linkage import TableLinkage, link_table
from matching.table_model import read_table_model
from pipeline.table_files import read_table, write_table

FOLDER = Path(os.environ.get("CASEHUB_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
MODEL = Path(__file__).parent / "models" / "messages.yml"
READ = Path(__file__).parent / "messages_read.csv"
WORKBOOKS = ("classified", "hot_topics", "replied")
SEED, SAMPLE = 7, 100
_MESSAGE = {"留言编号": "number", "留言用户": "user", "留言主题": "title", "留言时间": "told", "留言详情": "text"}
_COMPLAINT = {"id": "number", "标题": "title", "时间": "told", "诉求内容": "text"}


@dataclass(frozen=True)
class Group:
    """A group that the publisher knows: its messages, and those that stand in one cluster with the most of them."""

    name: str
    messages: frozenset[str]
    cluster: frozenset[str]

    @property
    def found(self) -> int:
        """How many of its messages are in that cluster."""
        return len(self.messages & self.cluster)


def measure_messages() -> None:
    """Link all texts; print the groups, the links, and what their reading says."""
    if not (FOLDER / "messages").is_dir():
        print(f"没有留言 · no messages in {FOLDER}: set CASEHUB_TEST_DATA", file=sys.stderr)
        return
    table = prepared(FOLDER)
    start = time.perf_counter()
    linkage = link_table(table, read_table_model(MODEL))
    seconds = time.perf_counter() - start
    links, read = _links(table, linkage), read_table([READ])
    right, judged, others = verdicts(links, read)
    fresh_right, fresh, _ = verdicts(links, read.filter(pl.col("drawn") == "after"))
    rows = []
    for group in groups(table, linkage):
        size, also = len(group.messages), sorted(group.cluster - group.messages)
        note = f"with them {', '.join(also)}: see the reading" if also else "nothing else with them"
        rows.append(Row(f"group {group.name}: found of {size}", [group.found], "", at_least=size, note=note))
    rows.append(Row(f"links among {len(table):,} texts", [len(links)], "", note=f"{judged} read by hand, {others} not read"))
    note = f"{fresh_right} of {fresh}, drawn when no weight was changed any more; unsure is wrong"
    rows.append(Row("right of a hundred drawn at random", [fresh_right / max(fresh, 1)], "", at_least=0.95, note=note))
    rows.append(Row("right of all that were read", [right / max(judged, 1)], "", note=f"{right} of {judged}"))
    rows.append(Row("seconds", [seconds], "s"))
    show("messages and complaints of one problem", rows)


def prepared(folder: Path) -> pl.DataFrame:
    """One table of all texts: `message` (file:number), `user`, `title`, `told`, `text`; times as they are written."""
    frames = [_workbook(folder / "messages" / f"{name}.xlsx") for name in WORKBOOKS]
    complaints = read_table([folder / "fuzhou" / "complaints_cangshan.csv"]).select(
        pl.col(old).alias(new) for old, new in _COMPLAINT.items()
    )
    frames.append(complaints.with_columns(source=pl.lit("fuzhou")))
    table = pl.concat(frames, how="diagonal").with_columns(pl.col(pl.String).str.strip_chars())
    return table.select(pl.concat_str("source", "number", separator=":").alias("message"), "user", "title", "told", "text")


def groups(table: pl.DataFrame, linkage: TableLinkage) -> list[Group]:
    """The publisher's groups, each with the cluster that holds most of it."""
    clusters = table.select("message", pl.Series("cluster", pl.DataFrame(linkage.clusters)["cluster"]))
    stated = read_table([FOLDER / "messages" / "same_problem_groups.csv"])
    found = []
    for (name,), rows in stated.group_by("group", maintain_order=True):
        messages = "hot_topics:" + rows["留言编号"]
        cluster = clusters.filter(pl.col("message").is_in(messages.to_list()))["cluster"].mode().min()
        members = clusters.filter(pl.col("cluster") == cluster)["message"]
        found.append(Group(str(name), frozenset(messages), frozenset(members)))
    return found


def verdicts(links: pl.DataFrame, read: pl.DataFrame) -> tuple[int, int, int]:
    """Of the links: those right, those read, those not read.

    Args:
        links: `left` and `right`, either way round.
        read: `left`, `right` and `verdict`: right, wrong or unsure.
    """
    judged = _ordered(links).join(_ordered(read), on=["left", "right"], how="left")["verdict"]
    return int((judged == "right").sum()), int(judged.is_not_null().sum()), int(judged.is_null().sum())


def _ordered(pairs: pl.DataFrame) -> pl.DataFrame:
    low, high = pl.min_horizontal("left", "right"), pl.max_horizontal("left", "right")
    return pairs.with_columns(left=low, right=high).unique(["left", "right"], maintain_order=True)


def _links(table: pl.DataFrame, linkage: TableLinkage) -> pl.DataFrame:
    edges = pl.DataFrame(linkage.edges).filter(pl.col("decision") == "link")
    named = edges.select(*(table["message"].gather(edges[side]).alias(side) for side in ("left", "right")))
    return _ordered(named).sort("left", "right")


def _workbook(path: Path) -> pl.DataFrame:
    """Every sheet's rows that have a number, all cells as text."""
    lines = [line for sheet in CalamineWorkbook.from_path(path).sheet_names for line in _lines(path, sheet)]
    return pl.DataFrame(lines, schema=[*_MESSAGE.values()], orient="row").with_columns(source=pl.lit(path.stem))


def _lines(path: Path, sheet: str) -> list[list[str]]:
    header, *lines = CalamineWorkbook.from_path(path).get_sheet_by_name(sheet).to_python()
    places = [header.index(name) for name in _MESSAGE]
    return [[_plain(line[place]) for place in places] for line in lines if line[places[0]] not in (None, "")]


def _plain(cell: object) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _sample(table: pl.DataFrame) -> pl.DataFrame:
    """A hundred links drawn at random, with what they say."""
    links = _links(table, link_table(table, read_table_model(MODEL)))
    drawn = np.random.default_rng(SEED).choice(len(links), min(SAMPLE, len(links)), replace=False)
    texts = table.unique("message", keep="first").select("message", "told", "title", "text")
    read = links[np.sort(drawn)]
    for side, mark in (("left", "a"), ("right", "b")):
        said = texts.rename({"message": side} | {name: f"{name}_{mark}" for name in ("told", "title", "text")})
        read = read.join(said, on=side, how="left", maintain_order="left")
    return read


if __name__ == "__main__":
    made = prepared(FOLDER)
    write_table(made if sys.argv[1] == "prepare" else _sample(made), Path(sys.argv[2]))
