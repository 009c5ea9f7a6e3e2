"""RECONCILE: for departments whose contract asks for it, a sweep of everything, which finds deletions and rows committed too late."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable

from connectors.contract import Contract
from dags.steps import active_contracts, ingest_like, is_wanted, schedules_are_held

_NIGHT = 2


def sweep_cron(department: str, every: timedelta) -> str:
    """A cron line that fires at least as often as asked: hours apart, or at night, at a minute of the department's own."""
    minute = sum(department.encode()) % 60  # hash() differs from process to process
    if every < timedelta(days=1):
        return f"{minute} */{max(1, int(every / timedelta(hours=1)))} * * *"
    if every < timedelta(days=7):
        return f"{minute} {_NIGHT} * * *"
    return f"{minute} {_NIGHT} * * 0"


def _sweep_of(contract: Contract) -> timedelta | None:
    return getattr(contract.feed, "reconcile", None)


for contract in active_contracts():
    dag_id = f"reconcile_{contract.department}"
    every = _sweep_of(contract)
    if every and is_wanted(dag_id):
        # Not at the first start, where the first ingest pulls everything anyway: from the next night on.
        cron = sweep_cron(contract.department, every)
        timetable = CronTriggerTimetable(cron, timezone=contract.timezone, interval=every, run_immediately=timedelta(0))
        ingest_like(dag_id, contract, "reconcile", None if schedules_are_held() else timetable)
