"""Figures for Prometheus: feeds, batches, the conservation law, what waits, and how the API itself does. Counts and codes only."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import Connection

from api.access import Caller
from api.departments import Directory
from api.queries import platform
from api.queries.reports import waiting as letters_waiting
from api.queries.watches import open_deliveries
from pipeline.evaluating.agreement import precision

ROWS = ("pulled", "landed", "already_known", "accepted", "quarantined", "held", "superseded", "deleted")
BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5)


class RequestMetrics:
    """How many requests of each route ended how, and how long they took."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "casehub_http_request_seconds",
            "Seconds a request took.",
            ("method", "route", "status"),
            registry=self.registry,
            buckets=BUCKETS,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        known = method if method in ("GET", "POST", "DELETE", "HEAD", "OPTIONS") else "other"
        self._seconds.labels(known, route, str(status)).observe(seconds)


class _Families:
    """Metrics that were read from the store for one scrape."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """What `generate_latest` asks for."""
        yield from self._families


def exposition(connection: Connection, directory: Directory, requests: RequestMetrics, caller: Caller) -> bytes:
    """What a caller may be told, in Prometheus' text format."""
    registry = CollectorRegistry()
    families = _store_families(connection, directory)
    registry.register(_Families(families if caller.department is None else _of_department(families, caller.department)))
    return generate_latest(registry) + generate_latest(requests.registry)


def _of_department(families: list[Metric], department: str) -> list[Metric]:
    """Without other departments' figures, and without those of all together: how many rows came, and when, would tell of sealed ones."""
    for family in families:
        family.samples = [sample for sample in family.samples if sample.labels.get("department") == department]
    return families


def _store_families(connection: Connection, directory: Directory) -> list[Metric]:
    rows = _gauge("last_batch_rows", "Rows of a department's last batch.", "department", "kind")
    state = _gauge("last_batch_info", "State of a department's last batch, always 1.", "department", "state")
    law = _gauge(
        "conservation_difference", "Rows of all batches between pulled and landed + already_known: 0, or one was lost.", "department"
    )
    age = _gauge("source_age_seconds", "Seconds since a department's feed last succeeded.", "department")
    unaccounted = platform.unaccounted(connection)
    for feed in platform.feeds(connection, list(directory)):
        department = feed["department"]
        if feed["batch_id"] is not None:
            for kind in ROWS:
                rows.add_metric([department, kind], feed[kind])
            state.add_metric([department, feed["state"]], 1)
            law.add_metric([department], unaccounted.get(department, 0))
        if feed["age_s"] is not None:
            age.add_metric([department], float(feed["age_s"]))
    quarantine = _gauge("quarantine_open", "Open quarantine items.", "department")
    for department, items in sorted(platform.open_quarantine(connection).items()):
        quarantine.add_metric([department], items)
    return [rows, state, law, age, quarantine, *_held(connection), *_waiting(connection), *_letters(connection), *_precision(connection)]


def _held(connection: Connection) -> list[Metric]:
    """Of all batches: the last one may be done while rows of those before it wait."""
    batches = _gauge("batches_held", "Batches that are held, or failed with rows that wait still.", "department")
    rows = _gauge("rows_held", "Rows that wait in such batches.", "department")
    for waiting in platform.held(connection):
        batches.add_metric([waiting["department"]], waiting["batches"])
        rows.add_metric([waiting["department"]], float(waiting["rows"]))
    return [batches, rows]


def _precision(connection: Connection) -> list[Metric]:
    """Only of relations of which links were drawn and judged: no figure is better than a made-up one."""
    share = _gauge("link_precision", "Share of links that are right, from those drawn by `casehub match sample`.", "relation", "bound")
    judged = _gauge("link_sample_judged", "Links drawn and judged, on which the precision stands.", "relation")
    for one in precision(connection):
        judged.add_metric([one.relation], one.right + one.wrong)
        for bound, value in (("estimate", one.share), ("low", one.low), ("high", one.high)):
            if value is not None:
                share.add_metric([one.relation, bound], value)
    return [share, judged]


def _letters(connection: Connection) -> list[Metric]:
    """What departments are asked by people, `platform` being its administrators."""
    waiting = letters_waiting(connection)
    meanings = {
        "reports": ("reports_open", "Reports that something is wrong which wait for a department."),
        "requests": ("access_requests_open", "Requests to see restricted records which wait for a department."),
        "emergencies": (
            "emergency_access_unreviewed",
            "Emergency accesses to a department's restricted records which it has not reviewed.",
        ),
    }
    families: list[Metric] = []
    for kind, (name, meaning) in meanings.items():
        family = _gauge(name, meaning, "department")
        for department, items in sorted(waiting[kind].items()):
            family.add_metric([department], items)
        families.append(family)
    return families


def _waiting(connection: Connection) -> list[Metric]:
    waiting, deliveries = platform.waiting(connection), open_deliveries(connection)
    meanings = {
        "pending_records": ("Records that wait for resolve.", waiting["records"]),
        "pending_oldest_seconds": ("Seconds that the oldest of them has waited.", float(waiting["oldest_record_s"] or 0)),
        "inbox_waiting": ("Pushed events that wait for landing.", waiting["events"]),
        "watch_deliveries_waiting": ("Deliveries of watches that wait to be posted.", deliveries["waiting"]),
        "watch_deliveries_dead": ("Deliveries of watches that were given up.", deliveries["dead"]),
        "reviews_open": ("Pairs that wait for a person's decision.", waiting["reviews"]),
    }
    families: list[Metric] = []
    for name, (meaning, value) in meanings.items():
        family = _gauge(name, meaning)
        family.add_metric([], value)
        families.append(family)
    return families


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"casehub_{name}", meaning, labels=labels)
