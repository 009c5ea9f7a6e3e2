"""VERDICTS: a relation's model calibrated to all that people said of pairs of the store."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
from sqlalchemy import Engine

from hub.database import store_errors
from matching.calibration import Calibration, calibrate
from matching.comparison import compare
from pipeline.evaluating.agreement import judged
from pipeline.resolving.links import Task, forms_of
from pipeline.resolving.models import load_model
from pipeline.resolving.promises import unique_departments
from pipeline.resolving.relations import CASE, Relation, read_nodes
from pipeline.store.channel import Channel
from schema.records import PAIR


def calibrated(engine: Engine, relation: Relation) -> Calibration:
    """The model in force with its weights moved to people's newest word on each pair; unsure ones and those gone left out.

    Raises:
        RequestError: nobody has said yes or no of a pair that is still there.
    """
    model = load_model(relation.name)
    with store_errors(), engine.begin() as connection:
        said = judged(connection, relation)
        unique_within = unique_departments(connection) if relation is CASE else frozenset()
        with Channel(connection) as channel:
            task = Task.reading(channel, relation, unique_within)
            nodes = read_nodes(channel, relation, pl.concat([said["left"], said["right"]]).unique())
            forms = forms_of(task, nodes)
    there = nodes["id"].implode()
    decided = said.filter((pl.col("verdict") != "unsure") & pl.col("left").is_in(there) & pl.col("right").is_in(there)).sort(
        "left", "right"
    )
    levels = compare(relation.name, forms, decided.select("left", "right").to_arrow().cast(PAIR), model)
    return calibrate(levels, pa.array(decided["verdict"] == "yes"), model)
