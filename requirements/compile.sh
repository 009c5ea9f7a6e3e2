#!/bin/sh
# Pin every requirement with its hash. Airflow is solved first: it holds FastAPI back, and all extras must fit one environment.
set -eu
cd "$(dirname "$0")/.."
pin() { uv pip compile --universal --generate-hashes --python-version 3.11 --custom-compile-command requirements/compile.sh -q "$@"; }
pin requirements/base.in requirements/airflow.in requirements/dev.in -o requirements/dev.txt
pin requirements/base.in requirements/airflow.in -c requirements/dev.txt -o requirements/airflow.txt
pin requirements/base.in -c requirements/dev.txt -o requirements/base.txt
pin requirements/base.in requirements/spark.in -c requirements/dev.txt -o requirements/spark.txt
pin requirements/client.in -o requirements/client.txt
pin requirements/uv.in -o requirements/uv.txt
