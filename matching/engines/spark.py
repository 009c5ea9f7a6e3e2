"""The engine on Spark: the same functions over parts of the forms and of the pairs, which Spark joins from the keys.

Forms are made and keys worked out a part at a time, Spark joins the keys into pairs, and batches of pairs are compared by
workers that read the forms they name where they lie. Everything listens on loopback; what Spark and its workers say goes
into a file beside theirs, for it may quote a value.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

import matching
from hub.errors import EngineError
from matching.blocking import representatives
from matching.engines.job import Job
from matching.linkage import DECISIVE, decisive_edges
from schema.records import PAIR

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MASTER = "local[2]"
DRIVER_MEMORY = "2g"
PARTITIONS = 8  # of the keys and of the pairs
PAIRS_AT_ONCE = 200_000
_KEYS = "id long, key string"
_PAIRS = "left long, right long"
_EDGES = "left long, right long, match_weight double, decision string"
_STOP_S = 20.0
_JAVA = (
    "安装 Java 17 或更高版本，或设置 JAVA_HOME，或用 --engine local · "
    "install Java 17 or newer (Debian: apt-get install default-jre-headless) or set JAVA_HOME, or take --engine local"
)
_PYSPARK = (
    "按 docs/operations.md 在单独环境中安装 requirements/spark.txt，或用 --engine local · "
    "install requirements/spark.txt in an environment of its own, as docs/operations.md says, or take --engine local"
)


class Spark:
    """Links a relation in a Spark session."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session

    def edges(self, job: Job) -> pa.Table:
        """See `Engine`.

        Raises:
            EngineError: Spark or a worker of it broke off.
        """
        with _told():
            parts = self._parts(job)
            parts.mapInArrow(_forms_step(job), "id long").count()
            own, unless = _represented(job)
            keys = parts.mapInArrow(_keys_step(job, unless), _KEYS)
            other = keys.withColumnRenamed("id", "other")
            met = keys.join(other, "key").where("id < other").selectExpr("id AS left", "other AS right")
            pairs = met.repartition(PARTITIONS, "left").distinct()
            if own.num_rows:
                pairs = pairs.unionAll(self._session.createDataFrame(own))
            found = pairs.mapInArrow(_compare_step(job), _EDGES).toArrow()
        return found.cast(DECISIVE)

    def _parts(self, job: Job) -> DataFrame:
        """(id): the number of each part, a partition each."""
        count = len(job.parts())
        return self._session.range(0, count, 1, count)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Spark]:
    """A Spark session of two workers on this machine, for as long as this lasts.

    Args:
        folder: for its files.

    Raises:
        EngineError: pyspark or Java is not installed, or Spark does not start.
    """
    _require_java()
    with warnings.catch_warnings(), _environment():
        warnings.simplefilter("ignore", FutureWarning)  # pyspark's word on pandas 3, of which nothing is used here
        try:
            from pyspark import SparkConf, SparkContext
            from pyspark.java_gateway import launch_gateway
            from pyspark.sql import SparkSession
        except ImportError:
            raise EngineError("未安装 pyspark · pyspark is not installed", remedy=_PYSPARK, engine="spark") from None
        conf = SparkConf().setMaster(MASTER).setAppName("casehub relink").setAll(_settings(folder))
        with (folder / "spark.log").open("wb") as log:
            try:
                gateway = launch_gateway(conf, {"stdout": log, "stderr": log})  # type: ignore[no-untyped-call,unused-ignore]
            except Exception:  # whatever it is, Java did not come up
                raise EngineError("Spark 无法启动 · Spark does not start", remedy=_JAVA, engine="spark") from None
            try:
                with _told():
                    session = SparkSession(SparkContext(gateway=gateway, conf=conf))
                yield Spark(session)
                session.stop()  # not where something failed: Java is ended all the same
            finally:
                _end(gateway)


def java() -> str | None:
    """The Java that Spark would take; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin") if home else None)


def _require_java() -> None:
    if java() is None:
        raise EngineError("Spark 需要 Java，但未安装 · Spark needs Java, and there is none", remedy=_JAVA, engine="spark")


def _settings(folder: Path) -> list[tuple[str, str]]:
    return [
        ("spark.driver.bindAddress", "127.0.0.1"),
        ("spark.driver.host", "127.0.0.1"),
        ("spark.driver.memory", DRIVER_MEMORY),
        ("spark.driver.extraJavaOptions", f'-XX:-UsePerfData "-Djava.io.tmpdir={folder}"'),
        ("spark.driver.maxResultSize", "0"),
        ("spark.executorEnv.POLARS_MAX_THREADS", "1"),  # a worker a core
        ("spark.executorEnv.OPENBLAS_NUM_THREADS", "1"),
        ("spark.local.dir", str(folder)),
        ("spark.log.level", "ERROR"),
        ("spark.sql.execution.arrow.maxRecordsPerBatch", str(PAIRS_AT_ONCE)),
        ("spark.sql.shuffle.partitions", str(PARTITIONS)),
        ("spark.sql.warehouse.dir", str(folder / "warehouse")),
        ("spark.ui.enabled", "false"),
        ("spark.ui.showConsoleProgress", "false"),
    ]


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """What Spark reads from the environment alone: its workers run this interpreter and find this package; afterwards all is as before."""
    root = str(Path(matching.__file__).parents[1])
    paths = os.pathsep.join(path for path in (root, os.environ.get("PYTHONPATH")) if path)
    wanted = {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": paths, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONWARNINGS": "ignore"}
    before = {name: os.environ.get(name) for name in wanted}
    is_main = threading.current_thread() is threading.main_thread()
    interrupted = signal.getsignal(signal.SIGINT)
    os.environ.update(wanted)
    try:
        yield
    finally:
        if is_main:  # Spark has put its own in place, which asks Java
            signal.signal(signal.SIGINT, interrupted)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _end(gateway: Any) -> None:
    """End the Java process, and have pyspark forget it, so that another session may begin in this process."""
    from pyspark import SparkContext

    gateway.shutdown()
    gateway.proc.stdin.close()  # at its end Java ends
    try:
        gateway.proc.wait(_STOP_S)
    except Exception:
        gateway.proc.kill()
        gateway.proc.wait()
    SparkContext._gateway = SparkContext._jvm = None
    SparkContext._active_spark_context = None


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn what Spark raises, which quotes its workers' tracebacks, into an error that quotes no value."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException) as error:
        raise EngineError(
            f"Spark 中断 · Spark broke off: {type(error).__name__}",
            remedy="检查剩余内存与磁盘，或用 --engine local · see that memory and disk are left, or take --engine local",
            engine="spark",
        ) from None


def _represented(job: Job) -> tuple[pa.Table, pa.Array | None]:
    """PAIR of each form that another stands for with that one, and the ids of those forms."""
    if not job.has_fingerprints:
        return PAIR.empty_table(), None
    stands_for = pl.DataFrame(representatives(job.forms(["id", "fingerprint"]), job.alone)).filter(pl.col("id") != pl.col("representative"))
    own = stands_for.select(left="representative", right="id").to_arrow().cast(PAIR)
    return own, own.column("right").combine_chunks()


_Step = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def _forms_step(job: Job) -> _Step:
    def make(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column("id").to_pylist():
                job.make_forms(job.parts()[number])
            yield batch

    return make


def _keys_step(job: Job, unless: pa.Array | None) -> _Step:
    def find(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column("id").to_pylist():
                yield from job.keys(job.parts()[number], unless).to_batches()

    return find


def _compare_step(job: Job) -> _Step:
    def compare(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        forms = None
        for batch in batches:
            if batch.num_rows:
                forms = job.forms() if forms is None else forms
                pairs = pa.Table.from_batches([batch]).cast(PAIR)
                yield from decisive_edges(job.relation, forms, pairs, job.model).to_batches()

    return compare
