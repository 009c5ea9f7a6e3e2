"""Shows every mistake in a contract, and in CASEHUB_DEPARTMENTS, as Airflow's import error of this file: it hides no good DAG.

It makes no DAG of its own.
"""

from __future__ import annotations

from connectors.contract import broken_departments, raise_problems, unknown_departments
from dags.steps import active_departments, contracts_and_mistakes

contracts, mistakes = contracts_and_mistakes()
mistakes = [*mistakes, *unknown_departments(active_departments(), {*contracts, *broken_departments(mistakes)})]
if mistakes:
    raise_problems(mistakes)
