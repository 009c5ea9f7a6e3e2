"""RESOLVE: match, merge and publish what any department brought; and each hour, what an interrupted run left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, task

from dags.steps import RETRIES, active_contracts, asset_of, opened_store

_DOC = """### 识别与发布 · match, merge, publish

等待中的记录分块处理，任一部门有新记录即运行。
Takes records waiting in `ops.pending` chunk by chunk, whenever any department has brought some.
A second resolve waits, up for reschedule; a kill loses one chunk.
"""


@task(task_id="resolve")
def resolve_pending() -> None:
    """RESOLVE everything that waits."""
    from hub.errors import BusyError
    from pipeline.resolving.resolve import resolve

    with opened_store() as (engine, settings):
        if resolve(engine, settings).is_busy:
            raise BusyError(
                "另一进程正在识别 · another process is resolving",
                remedy="等其结束；pg_locks 中的 advisory 锁表明由谁占用 · wait for it to end; the advisory lock in pg_locks says who it is",
            )


def _schedule() -> Any:
    hourly = CronTriggerTimetable("7 * * * *", timezone="Asia/Shanghai", interval=timedelta(hours=1), run_immediately=timedelta(0))
    assets = [asset_of(contract.department) for contract in active_contracts()]
    return AssetOrTimeSchedule(timetable=hourly, assets=AssetAny(*assets)) if assets else hourly  # a plain list would wait for all


with DAG(
    dag_id="resolve_cases",
    dag_display_name="识别与发布 resolve_cases",
    description="Match, merge and publish",
    doc_md=_DOC,
    schedule=_schedule(),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "casehub", **RETRIES},
    tags={"resolve"},
):
    resolve_pending()
