"""Great Expectations, imported late and quietly, and its run of checks over a frame.

Used by `expectations`, which says what the checks are and what their answers mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from hub.threads import defer, hidden

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationValidationResult

_importing = Lock()  # departments are validated beside each other


def validate(frame: pd.DataFrame, configurations: Sequence[Any], result_format: dict[str, Any]) -> list[ExpectationValidationResult]:
    """What expectations say of a frame, in no order; each result has the configuration that it is of.

    Args:
        frame: of the columns that they look at.
        configurations: of the expectations.
        result_format: how much of each result is worked out.
    """
    great_expectations()
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
    from great_expectations.validator.validator import Validator

    engine = PandasExecutionEngine()
    engine.load_batch_data("payloads", frame)
    # Straight to the validator: by way of a data source of a context each call would take twice as long, most of it writing YAML.
    validator = Validator(engine, data_context=_context())
    asked = validator.process_expectations_for_validation(list(configurations))
    return list(validator.graph_validate(asked, runtime_configuration={"result_format": dict(result_format)}))


def _context() -> Any:
    """One for the process: it tells a validator to draw no progress bars, and holds nothing."""
    gx = great_expectations()
    with _importing:
        return _made_context(gx)


@cache
def _made_context(gx: Any) -> Any:
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    stores = InMemoryStoreBackendDefaults()
    quiet: Any = {"globally": False}
    return gx.get_context(
        mode="ephemeral", project_config=DataContextConfig(store_backend_defaults=stores, analytics_enabled=False, progress_bars=quiet)
    )


def great_expectations() -> Any:
    """Imported late, by one thread."""
    with _importing:
        return _imported()


@cache
def _imported() -> Any:
    """Quiet: its warnings quote values, its import prints hundreds of lines inside Airflow."""
    import gc
    import logging
    import os

    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    defer("scipy", "stats")  # a quarter of the import, for three expectations that few contracts have
    # It would load all of either where it is installed: the first ends the process under a test runner, the second is for its own
    # stores in S3. botocore is left to it: a feed that is being read from S3 meanwhile wants that.
    with hidden("pyspark"), hidden("boto3"):
        import great_expectations

    import pipeline.validating.own_expectations  # noqa: F401 - defining them registers them

    # A full round of the garbage collector over what an import has made, which stays, takes a seventh of a second in the midst of a run.
    gc.freeze()

    return great_expectations
