"""What the matching benchmarks link: parties and records of a simulated world, with the truth beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from matching.linkage import deduplicate
from matching.model_file import packaged_model
from schema.codes import sides
from schema.records import CASE_INPUT, ORGANISATION_INPUT, PERSON_INPUT
from simulator.world import World, build_world

#: Relation → its shape, and where in the simulated truth its entity stands.
_SHAPES = {
    "person": (PERSON_INPUT, "person_truth_id"),
    "organisation": (ORGANISATION_INPUT, "organisation_truth_id"),
    "case": (CASE_INPUT, "case_truth_id"),
}
_KEY = ("world", "department", "source_record_id", "ordinal")
_NUMBERS = ("id", "record_id", "truth")  # of one world alone


@dataclass(frozen=True)
class Measured:
    """A world as one relation sees it.

    Args:
        relation: person, organisation or case.
        rows: the relation's columns, then `truth` (null where the record says nothing that could tell) and the row's key; of
            cases also the name and phone of the first party on either side.
        hard: pairs that are hard to tell apart or together, by kind and key.
    """

    relation: str
    rows: pl.DataFrame
    hard: pl.DataFrame

    def save(self, folder: Path) -> None:
        """Write it, so that a process may link it without the world in its memory."""
        self.rows.write_parquet(folder / "rows.parquet")
        self.hard.write_parquet(folder / "hard.parquet")

    @classmethod
    def load(cls, relation: str, folder: Path, columns: Sequence[str] | None = None) -> Measured:
        """Read what was saved, of the rows these columns alone where any are named."""
        rows = pl.read_parquet(folder / "rows.parquet", columns=None if columns is None else list(columns))
        return cls(relation, rows, pl.read_parquet(folder / "hard.parquet"))

    @classmethod
    def load_judged(cls, relation: str, folder: Path) -> Measured:
        """Read what clusters are judged by: ids, truth and keys."""
        there = pl.read_parquet_schema(folder / "rows.parquet")
        return cls.load(relation, folder, [name for name in ("id", "truth", *_KEY) if name in there])

    @property
    def inputs(self) -> pa.Table:
        """What matching takes."""
        shape, _ = _SHAPES[self.relation]
        return self.rows.select(shape.names).to_arrow().cast(shape)

    def by_kind(self, cluster: pl.Series) -> dict[str, tuple[int, int, bool]]:
        """Of the hard pairs of each kind: how many there are, how many are in one cluster, and whether they should be.

        Args:
            cluster: of each row.
        """
        keys = [name for name in _KEY if name in self.rows.columns]
        found = self.rows.select(keys).with_columns(cluster=cluster)
        pairs = self.hard
        for side in ("left", "right"):
            names = {name: f"{side}_{name}" for name in found.columns}
            pairs = pairs.join(found.rename(names), on=[f"{side}_{name}" for name in keys], how="inner")
        is_one = pl.col("left_cluster") == pl.col("right_cluster")
        counted = pairs.group_by("kind", "same").agg(pl.len().alias("pairs"), is_one.sum().alias("one"))
        return {kind: (pairs, one, same) for kind, same, pairs, one in counted.sort("same", "kind").iter_rows()}


def read_inputs(relation: str, folder: Path) -> pa.Table:
    """What matching takes of a saved world, and nothing of the truth."""
    shape, _ = _SHAPES[relation]
    return pq.read_table(folder / "rows.parquet", columns=shape.names).cast(shape)


def beside_each_other(worlds: Iterator[Measured]) -> Measured:
    """The rows of several worlds of one relation as one table: no record, and nobody, is of two of them.

    Args:
        worlds: not of cases, which name parties by id. One at a time is taken, so that each may be dropped for the next.
    """
    rows: list[pl.DataFrame] = []
    hard: list[pl.DataFrame] = []
    above = dict.fromkeys(_NUMBERS, 0)
    for number, world in enumerate(worlds):
        moved = world.rows.with_columns(pl.col(name) + above[name] for name in _NUMBERS)
        above = {name: 1 + int(pl.Series(moved[name]).max()) for name in _NUMBERS}  # type: ignore[arg-type]  # whole numbers
        rows.append(moved.with_columns(world=pl.lit(number, pl.Int8)))
        hard.append(world.hard.with_columns(pl.lit(number, pl.Int8).alias(f"{side}_world") for side in ("left", "right")))
        relation = world.relation
    return Measured(relation, pl.concat(rows), pl.concat(hard))


@dataclass(frozen=True)
class Feeds:
    """The records of a world at the first pull and after, as matching sees them.

    Args:
        records: of the world.
        seed: of the world.
    """

    records: int
    seed: int

    @cached_property
    def world(self) -> World:
        """The world itself."""
        return build_world(self.records, seed=self.seed)

    def measured(self, relation: str) -> Measured:
        """The world as a relation sees it; cases with the parties that the hub's own engine resolves."""
        return self.cases() if relation == "case" else self.parties(relation)

    def parties(self, relation: str) -> Measured:
        """Persons or organisations as the records name them."""
        shape, truth = _SHAPES[relation]
        keys = self.world.records.select("department", "source_record_id")[self.world.parties["row"]]
        named = pl.concat([keys, self.world.parties], how="horizontal").with_row_index("id").filter(pl.col("kind") == relation)
        own = [name for name in shape.names if name not in ("id", "record_id", "department")]
        rows = named.select(pl.col("id").cast(pl.Int64), pl.col("row").alias("record_id"), *_KEY[1:], *own, pl.col(truth).alias("truth"))
        return Measured(relation, rows, self._hard(relation))

    def cases(self) -> Measured:
        """Records, with the persons and organisations that their parties are resolved to."""
        records = self.world.records.rename({"row": "id", "case_truth_id": "truth"}).with_columns(case_number="source_record_id")
        named = []
        for relation in ("person", "organisation"):
            parties = self.parties(relation)
            found = pl.DataFrame(deduplicate(relation, parties.inputs, packaged_model(relation)))
            members = (
                parties.rows.select("id", "record_id", "ordinal", "role", "name", "phone").join(found, on="id").with_columns(side=_side())
            )
            named.append(members)
            for side in ("petitioner", "respondent"):
                listed = members.filter(pl.col("side") == side).group_by("record_id").agg(pl.col("cluster").unique().sort())
                records = _beside(records, listed.rename({"cluster": f"{side}_{relation}s"}))
        for side in ("petitioner", "respondent"):
            first = pl.concat(named).filter(pl.col("side") == side).sort("record_id", "ordinal").unique("record_id", keep="first")
            records = _beside(records, first.select("record_id", pl.col("name").alias(side), pl.col("phone").alias(f"{side}_phone")))
        return Measured("case", records, self._hard("case"))

    def _hard(self, relation: str) -> pl.DataFrame:
        return self.world.hard_kinds.filter(pl.col("relation") == relation)


def _side() -> pl.Expr:
    return pl.col("role").replace_strict(list(sides()), list(sides().values()), default="other", return_dtype=pl.String)


def _beside(records: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    return records.join(more, left_on="id", right_on="record_id", how="left", maintain_order="left")
