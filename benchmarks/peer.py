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

import pandas as pd
import polars as pl
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from matching.evaluation import Evaluation, evaluate

THRESHOLDS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999)
_LEAST = 0.001  # of match probability that a prediction must have to be kept


@dataclass(frozen=True)
class Setup:
    """How Splink is told to link a table with columns `unique_id` and `truth`.

    Args:
        comparisons: of its comparison library.
        rules: columns that must agree for two rows to be compared, a rule each.
        training: rules under which m is estimated.
        certain: rules that are nearly always right, for the prior.
    """

    comparisons: Sequence[Any]
    rules: Sequence[tuple[str, ...]]
    training: Sequence[tuple[str, ...]]
    certain: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class PeerResult:
    """What Splink made of it, at its best threshold."""

    evaluation: Evaluation
    threshold: float
    seconds: float


def febrl() -> Setup:
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
    return Setup(
        comparisons,
        rules,
        [("date_of_birth",), ("postcode",), ("soc_sec_id",)],
        [("soc_sec_id",), ("given_name", "surname", "date_of_birth")],
    )


def fake_1000() -> Setup:
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


def persons() -> Setup:
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


def link(rows: pl.DataFrame, setup: Setup) -> PeerResult:
    """Train, predict, cluster, and take the threshold with the best pairwise F1.

    `seconds` is training, predicting and one clustering: what a user waits for.
    """
    warnings.filterwarnings("ignore")
    logging.getLogger("splink").setLevel(logging.ERROR)
    frame = rows.to_pandas().astype(object).where(lambda values: values.notna(), None)
    start = time.perf_counter()
    api = DuckDBAPI()
    linker = Linker(
        api.register(frame),
        SettingsCreator(
            link_type="dedupe_only",
            comparisons=list(setup.comparisons),
            blocking_rules_to_generate_predictions=[block_on(*rule) for rule in setup.rules],
        ),
    )
    linker.training.estimate_probability_two_random_records_match([block_on(*rule) for rule in setup.certain], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6 if len(rows) > 2_000 else 1e6)  # noqa: PLR2004 - few rows, few pairs
    for rule in setup.training:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    predicted = linker.inference.predict(threshold_match_probability=_LEAST)
    found, seconds = [], 0.0
    for threshold in THRESHOLDS:
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=threshold)
        labels = clusters.as_pandas_dataframe().set_index("unique_id")["cluster_id"]  # type: ignore[no-untyped-call]
        seconds = seconds or time.perf_counter() - start
        found.append((threshold, _against_truth(labels, frame)))
    threshold, best = max(found, key=lambda one: one[1].pairwise.f1)
    return PeerResult(best, threshold, seconds)


def _against_truth(labels: pd.Series, frame: pd.DataFrame) -> Evaluation:
    ordered = labels.reindex(frame["unique_id"]).astype(str)
    return evaluate(pl.Series(ordered.to_list()), pl.Series(frame["truth"].to_list(), dtype=pl.String))
