"""`casehub demo`: everything on one machine: sixteen simulated departments through Airflow into the case store, then answers.

Starts database, simulated systems, query API and Airflow; runs each ingest DAG once; shows what came of it; stays up until
Ctrl-C. Whatever way it ends, what it started is stopped, and nothing else.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from cli.acting import acting
from cli.console import Console
from cli.demo_airflow import AirflowApi
from cli.demo_pass import Pass
from cli.demo_services import Services, Starter
from cli.demo_table import Batches, DemoTable, Progress
from cli.demo_verdict import Verdict, good_rows_refused, has_records, require_sound_contracts
from cli.demo_world import WorldNote, prepare_store
from cli.session import active_contracts
from connectors.contract import Contract
from hub import airflow, postgres, processes
from hub.database import opened
from hub.processes import Processes, raise_ended
from hub.settings import Settings, get_settings

if TYPE_CHECKING:
    from cli.demo_totals import WayIn


def demo(records: int, seed: int, once: bool) -> int:
    """Run the demo.

    Args:
        records: of the simulated world, over all departments.
        seed: the same seed gives the same world.
        once: end after the pass instead of staying up.

    Returns:
        Exit code: 0, or 1 if a DAG run failed or good rows were refused.

    Raises:
        ContractError: a contract or code list has a mistake.
        ConservationError: a row was lost or doubled.
        HubError: something did not start or ended by itself; names the log to read.
    """
    settings, console = get_settings(), _console()
    contracts, progress = active_contracts(settings), Progress(console)
    require_sound_contracts(settings)
    with contextlib.ExitStack() as stack:
        started = stack.enter_context(processes.running(settings.home))
        with progress.step("PostgreSQL"):
            engine = stack.enter_context(opened(settings))
            world = WorldNote(records, seed)
            folder = prepare_store(engine, settings, world, console)
            stack.enter_context(acting(engine))  # left last: it chains what the stopped API wrote, too
            metadata_url = stack.enter_context(_metadata(settings))
            stack.callback(started.stop)  # before the database they use
        starter = Starter(settings, started, world, folder)
        services = _start(starter, metadata_url, progress)
        verdict = _run_pass(services, engine, contracts, console)
        verdict = replace(verdict, refused=good_rows_refused(engine, services.truth()))
        way_in = _show(services, engine, starter, progress)
        if not once:
            airflow.let_schedules_go(services.airflow)
            way_in.show(console, services.airflow)
        verdict.show(console)
        if not once:
            _stay_up(started, console)
    return 0 if verdict.is_good else 1


def _console() -> Console:
    """Wide enough for the table where nobody looks on and lines are kept."""
    console = Console()
    return console if console.is_terminal else Console(width=140)


@contextlib.contextmanager
def _metadata(settings: Settings) -> Iterator[str]:
    """URL of Airflow's metadata database: the user's own, or the second one of the embedded server."""
    if settings.airflow_database_url is not None:
        yield settings.airflow_database_url.get_secret_value()
        return
    with postgres.running(settings) as server:
        yield server.url("airflow").render_as_string(hide_password=False)


def _start(starter: Starter, metadata_url: str, progress: Progress) -> Services:
    started = starter.processes
    with progress.step(f"模拟的部门系统 · simulated systems ({starter.world.records:,} 条记录 records)"):
        ready, migration = starter.begin(metadata_url)
        connections = starter.wait_for_systems()
    ready = airflow.hold_schedules(ready.given(connections))  # a tick within the pass would pull a department twice
    starter.start_api(connections)
    with progress.step("Airflow 元数据 · metadata"):
        airflow.finish_migration(migration, started)
        airflow.start(ready, started)
    services = Services(started, starter.api, ready, connections["control"])
    with progress.step("查询接口 · query API"):
        starter.wait_for_api()
        services.push_events()
    with progress.step("Airflow"):
        airflow.wait_until_healthy(ready, started)
    return services


def _run_pass(services: Services, engine: Engine, contracts: list[Contract], console: Console) -> Verdict:
    titles = {contract.department: f"{contract.title.zh} {contract.department}" for contract in contracts}
    batches, table = Batches(engine), DemoTable(titles, console)
    with AirflowApi(services.airflow) as api, table:
        failed = Pass(api, batches, table, services.processes).run()
    reasons = {batch.department: batch.error for batch in batches.by_department().values() if batch.error}
    return Verdict(failed, reasons, services.airflow.home / "logs")


def _show(services: Services, engine: Engine, starter: Starter, progress: Progress) -> WayIn:
    from cli.demo_totals import WayIn, check_law, judge, show_totals

    law = check_law(engine)
    is_anything_there = has_records(engine)
    quality = judge(engine, services.truth(), starter.folder) if is_anything_there else {}
    progress.console.print(f"一遍结束 · the pass is over [dim]{progress.seconds:.1f} s[/dim]", highlight=False)
    show_totals(engine, progress.console, quality, law)
    way_in = WayIn(engine, services.api)
    if is_anything_there:
        way_in.ask(progress.console)
    return way_in


def _stay_up(started: Processes, console: Console) -> None:
    try:
        console.print("\n各部门此后按自己的时间表拉取 · from now on departments are pulled on their schedules")
        console.print("按 Ctrl-C 停止 · Ctrl-C stops everything")
        while not started.ended:
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("正在停止 · stopping …")
        return
    raise_ended(started.ended[0])
