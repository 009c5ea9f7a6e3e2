# One image for the API, the CLI and Airflow's services; PostgreSQL runs in its own.
FROM python:3.11-slim-bookworm

# Byte code is made here: the user below may write none, and every task of Airflow is a process that would compile all it imports.
ENV PYTHONUNBUFFERED=1 UV_COMPILE_BYTECODE=1 CASEHUB_HOME=/var/lib/casehub AIRFLOW_HOME=/var/lib/casehub/airflow
WORKDIR /opt/casehub

COPY requirements/uv.txt requirements/airflow.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.txt \
 && uv pip sync --system --no-cache requirements/airflow.txt

COPY . .
RUN uv pip install --system --no-cache --no-deps --no-build-isolation -e . \
 && python -m compileall -q . \
 && useradd --system --home-dir /var/lib/casehub --create-home casehub
USER casehub

EXPOSE 18480
CMD ["casehub", "serve"]
