# Two commands are enough: `make demo` and `make test`. Each sets up what it needs, in .venv/ and var/, and is quick the second time.
# Paths are relative throughout, so that a blank in the path of this folder does no harm.

RECORDS ?= 1232
SEED ?= 2026
ONCE ?=
# A third of a worker's time goes by in waiting, for databases, processes and the clock: on two cores, a third worker has work for them.
WORKERS ?= 3

# What a shell may hold for another project. Byte code is wanted: a dozen interpreters would compile everything a dozen times.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE
export PYTHONUNBUFFERED = 1

PY = .venv/bin/python
SOURCES = api benchmarks cli connectors dags hub matching pipeline schema simulator
# Called by frameworks, which vulture does not see; more in tests/vulture_whitelist.py.
CALLED = @app.*,@router.*,@export.*,@*.middleware,@*.exception_handler,@field_validator,@model_validator,@pytest.*,@given

.PHONY: help demo test lint bench bench-api setup clean

help:
	@echo 'make demo     十六个模拟部门汇入统一案件库 · sixteen simulated departments into one case store'
	@echo '              RECORDS=100000 SEED=7 ONCE=1'
	@echo 'make test     全部测试 · all tests'
	@echo 'make lint     ruff, mypy, import-linter, vulture'
	@echo 'make bench    性能指标 · the figures, each beside its target'
	@echo '              ARGS=demo: 从全新克隆运行两次演示 · the demo from a fresh clone, twice'
	@echo 'make bench-api 百万条记录上的接口性能 · the API on a million records'
	@echo '              CASEHUB_BENCH_HOME=FOLDER RECORDS=100000 MINUTES=5 PARTS=times,depth'
	@echo 'make setup    只安装 · install only'
	@echo 'make clean    删除 .venv/ 与 var/；非演示的数据不删 · remove .venv/ and var/; records that are no demo'\''s stay'

setup:
	@requirements/install.sh dev

demo:
	@requirements/install.sh airflow
	@$(PY) -m cli.main demo --records '$(RECORDS)' --seed '$(SEED)' $(if $(filter-out 0 no false,$(ONCE)),--once)

test: setup
	@# The longest files first, as tests/conftest.py has them: else files of few tests, the slowest among them, come last, and one worker
	@# runs them while the other waits.
	$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=25 $(ARGS)

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	@echo 'dead code:'; ! $(PY) -m vulture $(SOURCES) tests --ignore-decorators '$(CALLED)' --ignore-names 'test_*' | grep -E 'unused (function|method|class|import)|unreachable'

bench: setup
	@$(PY) -m benchmarks $(ARGS)

# What is left out of `make bench`, for it takes an hour: RECORDS, MINUTES and PARTS are read from the environment.
bench-api: setup
	@$(if $(filter-out file,$(origin RECORDS)),RECORDS='$(RECORDS)') $(PY) -m benchmarks api

clean:
	@# An installation that was interrupted cannot tell what runs in var/, and is no reason to keep .venv/.
	@if ls .venv/installed-* >/dev/null 2>&1; then $(PY) -m cli.demo_clean; \
	elif [ -e var ]; then echo 'var/ 未删除，先 make setup · var/ stays: `make setup` first' >&2; fi
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
