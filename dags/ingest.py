"""INGEST: one DAG per active contract, on the contract's own schedule."""

from __future__ import annotations

from airflow.sdk import CronDataIntervalTimetable

from dags.steps import active_contracts, ingest_like, is_wanted, schedules_are_held

for contract in active_contracts():
    dag_id = f"ingest_{contract.department}"
    if is_wanted(dag_id):
        # A plain cron line would make intervals of no length, which cannot be backfilled.
        schedule = CronDataIntervalTimetable(contract.schedule, timezone=contract.timezone) if contract.schedule else None
        ingest_like(dag_id, contract, "ingest", None if schedules_are_held() else schedule)
