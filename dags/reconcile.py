"""RECONCILE: for departments whose contract asks for it, a sweep of everything, which finds deletions and rows committed too late."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable

from connectors.feed import CursorFeed, sweep_cron
from dags.steps import active_contracts, ingest_like, is_wanted, schedules_are_held

for contract in active_contracts():
    dag_id = f"reconcile_{contract.department}"
    every = contract.feed.reconcile if isinstance(contract.feed, CursorFeed) else None
    if every and is_wanted(dag_id):
        # Not at the first start, where the first ingest pulls everything anyway: from the next night on.
        cron = sweep_cron(contract.department, every)
        timetable = CronTriggerTimetable(cron, timezone=contract.timezone, interval=every, run_immediately=timedelta(0))
        ingest_like(dag_id, contract, "reconcile", None if schedules_are_held() else timetable)
