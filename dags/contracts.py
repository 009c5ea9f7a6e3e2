"""Shows every mistake in a contract as Airflow's import error of this file, so that one broken contract hides no good DAG.

It makes no DAG of its own.
"""

from __future__ import annotations

from connectors.contract import load_contracts
from dags.steps import contracts_and_mistakes

if contracts_and_mistakes()[1]:
    load_contracts()  # raises, with every mistake
