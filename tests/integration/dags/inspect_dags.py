"""Run in an interpreter of its own: parses the DAG folder as Airflow does and prints, as JSON, all that the tests look at."""

from __future__ import annotations

import json
import logging
import sys
import time

import airflow.sdk
from airflow.dag_processing.dagbag import DagBag

# Loaded when first asked for, and so part of what `import airflow.sdk` costs.
from airflow.sdk import (
    DAG,
    Asset,
    AssetAny,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    get_parsing_context,
    task,
)

LAZY = (DAG, Asset, AssetAny, AssetOrTimeSchedule, CronDataIntervalTimetable, CronTriggerTimetable, get_parsing_context, task)


def main(folder: str) -> None:
    """Print what stands in a folder of DAG files."""
    logging.disable(logging.CRITICAL)
    before, cpu = set(sys.modules), time.process_time()
    bag = DagBag(folder, collect_dags=True)
    seconds = time.process_time() - cpu
    found = {
        "seconds": seconds,
        "loaded": sorted(set(sys.modules) - before),
        "errors": {path.rsplit("/", 1)[-1]: text for path, text in bag.import_errors.items()},
        "dags": {dag_id: _dag(dag) for dag_id, dag in bag.dags.items()},
    }
    sys.stdout.write("\n" + json.dumps(found, default=str) + "\n")


def _dag(dag: airflow.sdk.DAG) -> dict[str, object]:
    timetable = dag.timetable
    condition = getattr(timetable, "asset_condition", None)
    return {
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "tags": sorted(dag.tags),
        "doc": dag.doc_md or "",
        "timetable": type(timetable).__name__,
        "expression": getattr(timetable, "expression", None),
        "timezone": str(getattr(timetable, "timezone", "")),
        "condition": type(condition).__name__,
        "assets": sorted(asset.name for asset in condition.objects) if condition else [],
        "paused": dag.is_paused_upon_creation,
        "tasks": {
            step.task_id: {
                "retries": step.retries,
                "backoff": step.retry_exponential_backoff,
                "first_wait_s": step.retry_delay.total_seconds(),
                "longest_wait_s": step.max_retry_delay.total_seconds(),
                "downstream": sorted(step.downstream_task_ids),
                "outlets": [asset.name for asset in step.outlets],
                "owner": step.owner,
            }
            for step in dag.tasks
        },
    }


if __name__ == "__main__":
    main(sys.argv[1])
