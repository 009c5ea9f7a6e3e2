"""The peer: Splink, set up as one who knows it would, on the same rows.

Exact, Jaro-Winkler and edit levels, term frequency, u from random pairs, m by expectation maximisation, several blocking
rules. Its best threshold is found against the truth, which the hub is not given.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.internals.blocking_rule_creator import BlockingRuleCreator

from matching.evaluation import Evaluation, evaluate

THRESHOLDS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999)
_LEAST = 0.001  # of match probability that a prediction must have to be kept


@dataclass(frozen=True)
class Setup:
    """How Splink is told to link a table with columns `unique_id` and `truth`.

    Args:
        comparisons: of its comparison library.
        rules: columns that must agree for two rows to be compared, or such a rule of Splink's own, a rule each.
        training: rules under which m is estimated.
        certain: rules that are nearly always right, for the prior.
    """

    comparisons: Sequence[Any]
    rules: Sequence[tuple[str, ...] | BlockingRuleCreator]
    training: Sequence[tuple[str, ...]]
    certain: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class PeerResult:
    """What Splink made of it, at its best threshold.

    Args:
        evaluation: of the clusters.
        clusters: of each row.
        threshold: the best one.
        training_seconds: for the prior, u and m.
        predicting_seconds: for prediction and one clustering.
    """

    evaluation: Evaluation
    clusters: pl.Series
    threshold: float
    training_seconds: float
    predicting_seconds: float

    @property
    def seconds(self) -> float:
        """What a user waits for."""
        return self.training_seconds + self.predicting_seconds


def table(name: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, Setup]:
    """A table of persons as Splink takes it, and how it links it."""
    if name == "fake_1000":
        return rows.with_columns(truth="cluster", email_name=pl.col("email").str.extract("^([^@]+)@")), _fake_1000()
    rows = rows.with_columns(pl.col(pl.String).replace("", None))
    return rows.with_columns(unique_id="rec_id", truth=pl.col("rec_id").str.extract(r"rec-(\d+)")), _febrl()


def simulated(relation: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, Setup]:
    """Rows of one relation of a simulated world as Splink takes them: plain columns, as the sources write them."""
    told = rows.with_columns(pl.col("id").alias("unique_id"), pl.col("truth").cast(pl.String))
    if relation == "person":
        names = ["name", "id_no", "phone", "birth_date", "gender", "address"]
        return told.select("unique_id", "truth", *(pl.col(name).cast(pl.String) for name in names)), _persons()
    if relation == "organisation":
        return told.select("unique_id", "truth", "name", "uscc", "phone", "address"), _organisations()
    names = ["petitioner", "petitioner_phone", "respondent", "category", "street", "community", "address", "title"]
    day = pl.coalesce("occurred_at", "reported_at").dt.date().cast(pl.String)
    return told.select("unique_id", "truth", *names, pl.col("amount").cast(pl.String), day=day), _cases()


def _febrl() -> Setup:
    """FEBRL's persons, as in Splink's own examples."""
    comparisons = [
        cl.NameComparison("given_name"),
        cl.NameComparison("surname"),
        cl.LevenshteinAtThresholds("date_of_birth", [1, 2]),
        cl.LevenshteinAtThresholds("soc_sec_id", [1, 2]),
        cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
        cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]),
        cl.JaroWinklerAtThresholds("address_1", [0.9, 0.8]),
        cl.JaroWinklerAtThresholds("suburb", [0.9]),
        cl.ExactMatch("state"),
    ]
    rules = [("soc_sec_id",), ("given_name",), ("surname",), ("date_of_birth",), ("address_1",), ("street_number", "postcode")]
    certain = [("soc_sec_id",), ("given_name", "surname", "date_of_birth")]
    return Setup(comparisons, rules, [("date_of_birth",), ("postcode",), ("soc_sec_id",)], certain)


def _fake_1000() -> Setup:
    """Splink's own example table, as in its tutorial."""
    comparisons = [
        cl.NameComparison("first_name"),
        cl.NameComparison("surname"),
        cl.LevenshteinAtThresholds("dob", 1),
        cl.ExactMatch("city").configure(term_frequency_adjustments=True),
        cl.EmailComparison("email"),
    ]
    rules = [("first_name", "city"), ("surname",), ("dob",), ("email",), ("email_name",), ("first_name", "surname")]
    return Setup(comparisons, rules, [("first_name", "surname"), ("dob",)], [("first_name", "surname"), ("email",)])


def _organisations() -> Setup:
    """Chinese firms: name, credit code, phone and address as the sources write them."""
    comparisons = [
        cl.JaroWinklerAtThresholds("name", [0.95, 0.88, 0.7]).configure(term_frequency_adjustments=True),
        cl.LevenshteinAtThresholds("uscc", [1, 2]),
        cl.ExactMatch("phone"),
        cl.JaroWinklerAtThresholds("address", [0.95, 0.88]),
    ]
    return Setup(comparisons, [("uscc",), ("name",), ("phone",), ("address",)], [("name",), ("uscc",)], [("uscc",), ("name",)])


def _cases() -> Setup:
    """Records: who complains of whom, what about, when and where."""
    comparisons = [
        cl.JaroWinklerAtThresholds("petitioner", [0.9]).configure(term_frequency_adjustments=True),
        cl.LevenshteinAtThresholds("petitioner_phone", [1]),
        cl.JaroWinklerAtThresholds("respondent", [0.95, 0.88]).configure(term_frequency_adjustments=True),
        cl.ExactMatch("category"),
        cl.AbsoluteDateDifferenceAtThresholds("day", input_is_string=True, metrics=["day", "day", "month"], thresholds=[1, 7, 2]),
        cl.ExactMatch("community").configure(term_frequency_adjustments=True),
        cl.JaroWinklerAtThresholds("address", [0.95, 0.88]),
        cl.ExactMatch("amount"),
        cl.JaroWinklerAtThresholds("title", [0.95, 0.88]),
    ]
    rules = [
        ("petitioner_phone",),
        ("petitioner", "category"),
        ("respondent", "category", "street"),
        ("address", "category"),
        ("respondent", "day"),
    ]
    training = [("petitioner_phone",), ("respondent", "category"), ("address",)]
    return Setup(comparisons, rules, training, [("petitioner_phone", "category"), ("petitioner", "respondent")])


def _persons() -> Setup:
    """Chinese persons: name, ID number, phone, birth date, gender and address as the sources write them."""
    comparisons = [
        cl.JaroWinklerAtThresholds("name", [0.9, 0.7]).configure(term_frequency_adjustments=True),
        cl.LevenshteinAtThresholds("id_no", [1, 2]),
        cl.LevenshteinAtThresholds("phone", [1]),
        cl.LevenshteinAtThresholds("birth_date", [1]),
        cl.ExactMatch("gender"),
        cl.JaroWinklerAtThresholds("address", [0.95, 0.88, 0.8]),
    ]
    rules = [("id_no",), ("phone",), ("name", "birth_date"), ("name", "address")]
    return Setup(comparisons, rules, [("phone",), ("name", "birth_date"), ("id_no",)], [("id_no",), ("name", "phone")])


def linker_of(table: pa.Table, setup: Setup) -> Linker:
    """Splink over a table, told how to link it, not yet trained."""
    warnings.filterwarnings("ignore")
    logging.getLogger("splink").setLevel(logging.ERROR)
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=list(setup.comparisons),
        blocking_rules_to_generate_predictions=[block_on(*rule) if isinstance(rule, tuple) else rule for rule in setup.rules],
    )
    return Linker(DuckDBAPI().register(table), settings)


def link(rows: pl.DataFrame, setup: Setup) -> PeerResult:
    """Train, predict, cluster, and take the threshold with the best pairwise F1; a user waits for one clustering."""
    table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    start = time.perf_counter()
    linker = linker_of(table, setup)
    linker.training.estimate_probability_two_random_records_match([block_on(*rule) for rule in setup.certain], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6 if len(rows) > 2_000 else 1e6)  # few rows, few pairs
    for rule in setup.training:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    trained = time.perf_counter()
    predicted = linker.inference.predict(threshold_match_probability=_LEAST)
    found, seconds = [], 0.0
    ids = rows["unique_id"].to_list()
    for threshold in THRESHOLDS:
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=threshold)
        labels = clusters.as_pandas_dataframe().set_index("unique_id")["cluster_id"]  # type: ignore[no-untyped-call]
        seconds = seconds or time.perf_counter() - trained
        ordered = pl.Series(labels.reindex(ids).astype(str).to_list())
        found.append((threshold, ordered, evaluate(ordered, rows["truth"])))
    threshold, labelled, best = max(found, key=lambda one: one[2].pairwise.f1)
    return PeerResult(best, labelled, threshold, trained - start, seconds)
