"""Shows every mistake in a contract, and in CASEHUB_DEPARTMENTS, as Airflow's import error of this file: it hides no good DAG.

It makes no DAG of its own.
"""

from __future__ import annotations

from connectors.contract_files import broken_departments, unknown_departments
from connectors.document import raise_problems
from dags.steps import contracts_and_mistakes
from hub.lists import active_departments

contracts, mistakes = contracts_and_mistakes()
mistakes = [*mistakes, *unknown_departments(sorted(active_departments()), {*contracts, *broken_departments(mistakes)})]
if mistakes:
    raise_problems(mistakes)
