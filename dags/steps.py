"""The pipeline's steps as Airflow tasks, and what every ingest-like DAG is made of.

Nothing heavy at the top: Airflow reads this at every parse and before every task. A task passes a batch's id on and
nothing else; rows stay in the database.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Asset, get_parsing_context, task

from connectors.contract import Contract
from connectors.contract_files import read_contracts
from hub.lists import active_departments

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from connectors.document import Problem
    from hub.errors import BusyError
    from hub.settings import Settings
    from pipeline.landing.order import Kind

logger = logging.getLogger(__name__)

#: For errors that another try may mend, and those that the hub does not know; what `opened_store` knows for good fails at once.
RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 3.0,
    "max_retry_delay": timedelta(minutes=10),
}

#: The same for about two hours: where a source is down, the next sweep may be a day away.
SWEEP_RETRIES: dict[str, Any] = {**RETRIES, "retries": 15}

#: Whoever finds another run at work waits for its end, up for reschedule: that takes no worker and no try, and is no failure.
BUSY_FIRST, BUSY_MOST = timedelta(seconds=30), timedelta(minutes=10)  # from one look to the next: half of what was waited
BUSY_FOR = timedelta(days=1)  # then it fails: whoever holds it so long hangs


@functools.cache  # four files of one parse ask
def contracts_and_mistakes() -> tuple[dict[str, Contract], list[Problem]]:
    """Contracts that can be read, and the mistakes in others, which dags/contracts.py shows."""
    return read_contracts()


def active_contracts() -> list[Contract]:
    """Contracts that can be read and are active."""
    active = active_departments()
    return [contract for name, contract in contracts_and_mistakes()[0].items() if not active or name in active]


def is_wanted(dag_id: str) -> bool:
    """Whether a DAG has to be built: a task's process needs its own alone."""
    return get_parsing_context().dag_id in (None, dag_id)


def schedules_are_held() -> bool:
    """Whether departments run when they are asked alone, not by their schedules; never but where this variable names a file.

    `casehub demo` gives its Airflow one, so that no tick of a schedule falls into its pass, and removes the file after the pass.
    """
    file = os.environ.get("CASEHUB_SCHEDULES_HELD_BY")
    return bool(file and Path(file).exists())


def asset_of(department: str) -> Asset:
    """What resolve waits for: new records of a department."""
    return Asset(f"casehub://{department}")


def ingest_like(dag_id: str, contract: Contract, kind: Kind, schedule: Any) -> DAG:
    """A DAG that takes one department through land, validate and normalise.

    Args:
        dag_id: its name.
        contract: of the department.
        kind: what land is asked for, ingest or reconcile; a backfill run of Airflow's asks for backfill.
        schedule: Airflow timetable, or None.
    """
    with DAG(
        dag_id=dag_id,
        dag_display_name=f"{contract.title.zh} {dag_id}",
        description=f"{contract.title.en}: {kind}",
        doc_md=_doc(contract, kind),
        schedule=schedule,
        catchup=False,
        max_active_runs=1,
        default_args={"owner": contract.owner.desk, **RETRIES},
        tags={kind, contract.connector.kind, contract.feed.mode},
    ) as dag:
        landed = land(contract.department, kind)
        normalise(contract.department, validate(contract.department, landed), outlets=[asset_of(contract.department)])
    return dag


def land(department: str, kind: Kind) -> Any:
    """EXTRACT and LAND, one task: rows never travel through XCom."""

    @task(task_id="land", **(SWEEP_RETRIES if kind == "reconcile" else RETRIES))
    def run(**context: Any) -> int:
        from pipeline.landing.land import land
        from pipeline.landing.order import Order

        dag_run = context["dag_run"]
        order = Order("backfill" if dag_run.run_type == "backfill" else kind, run_id=f"{dag_run.dag_id} {dag_run.run_id}")
        with opened_for(department) as (engine, contract, _):
            return land(engine, contract, order)

    return run()


def validate(department: str, batch: Any) -> Any:
    """VALIDATE what landed."""

    @task(task_id="validate")
    def run(batch_id: int) -> int:
        from pipeline.validating.validate import validate

        with opened_for(department) as (engine, contract, settings):
            validate(engine, contract, batch_id, settings)
        return batch_id

    return run(batch)


def normalise(department: str, batch: Any, outlets: list[Asset]) -> Any:
    """NORMALISE what is valid; the conservation law is checked at its end."""

    @task(task_id="normalise", outlets=outlets)
    def run(batch_id: int) -> int:
        from pipeline.normalising.normalise import normalise

        with opened_for(department) as (engine, contract, settings):
            normalise(engine, contract, batch_id, settings)
        return batch_id

    return run(batch)


@contextlib.contextmanager
def opened_for(department: str) -> Iterator[tuple[Engine, Contract, Settings]]:
    """Store, contract and settings for one task.

    Raises:
        AirflowFailException: what no further try mends.
    """
    with opened_store() as (engine, settings):
        yield engine, contracts_and_mistakes()[0][department], settings


@contextlib.contextmanager
def opened_store() -> Iterator[tuple[Engine, Settings]]:
    """Store and settings for one task, whose errors tell Airflow whether to try again and never hold a value.

    Raises:
        AirflowFailException: what no further try mends.
        AirflowRescheduleException: another run is at work; says when to look again.
    """
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    from hub.database import opened
    from hub.encryption import key_ring
    from hub.encryption.store_keys import require_keys
    from hub.errors import BusyError, HubError
    from hub.migrations import require_schema
    from hub.settings import get_settings

    try:
        settings = get_settings()
        with opened(settings) as engine:
            require_schema(engine)
            require_keys(engine, key_ring())
            yield engine, settings
    except BusyError as error:
        raise _later(error) from None
    except HubError as error:
        if error.retryable:
            raise
        raise AirflowFailException(f"{type(error).__name__}: {error}") from None
    except AirflowException:
        raise
    except Exception as error:  # the task is the edge; a library's message may quote a row, so only its kind and place are told
        places = " ← ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__)))
        logger.error("%s at %s", type(error).__name__, places)  # the traceback would hold the message
        raise AirflowException(f"{type(error).__name__}: an error the hub does not know; its place is in the line above") from None


def _later(error: BusyError) -> Exception:
    """What has Airflow look again whether the other run has ended."""
    from airflow.sdk import get_current_context
    from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

    context = get_current_context()
    now = datetime.now(UTC)
    waited = now - (context["ti"].get_first_reschedule_date(context) or now)
    if waited > BUSY_FOR:
        return AirflowFailException(f"{type(error).__name__}: {error}; {waited} 后仍未结束 · it has not ended in {waited}")
    pause = min(max(waited / 2, BUSY_FIRST), BUSY_MOST)
    logger.info("%s；%d 秒后再看 · looked at again in %d s", error.message, pause.total_seconds(), pause.total_seconds())
    return AirflowRescheduleException(now + pause)  # type: ignore[no-untyped-call]


def _doc(contract: Contract, kind: str) -> str:
    title = {"ingest": "拉取新增与变更 · pull what is new", "reconcile": "全量对账 · sweep of every key and hash"}[kind]
    return f"""### {contract.title.zh} {contract.title.en} — {title}

| | |
|---|---|
| 部门 department | `{contract.department}` |
| 联系 desk | {contract.owner.desk} {contract.owner.contact} |
| 依据 legal basis | {contract.legal_basis} |
| 方式 how | {contract.connector.kind}, {contract.feed.mode} |
| 时间 schedule | {contract.schedule or "手动 by hand"} ({contract.timezone}) |
| 契约版本 contract version | {contract.version} |

land → validate → normalise → `resolve_cases`
"""
