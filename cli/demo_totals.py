"""What the demo shows at the end: totals, precision and recall against the simulated truth, and how to ask for more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import httpx
import polars as pl
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Engine, text

from api.access import Caller
from api.authentication.keys import create_key
from cli.console import Console
from hub.airflow import USER, Airflow
from hub.errors import HubError
from matching.evaluation import Evaluation, evaluate
from pipeline.batch.conservation import recount, require_law
from pipeline.export import membership
from pipeline.store.copying import read_frame

KEY_DAYS = 7

_TOTALS = """
SELECT (SELECT count(*) FROM store.source_record WHERE known_from IS NOT NULL AND known_to IS NULL AND NOT is_deleted) AS records,
       (SELECT count(*) FROM store.unified_case WHERE known_to IS NULL) AS cases,
       (SELECT count(*) FROM store.unified_case WHERE known_to IS NULL AND cardinality(departments) > 1) AS cases_across,
       (SELECT count(*) FROM store.person WHERE known_to IS NULL AND cardinality(departments) > 1) AS persons_across,
       (SELECT count(*) FROM store.organisation WHERE known_to IS NULL AND cardinality(departments) > 1) AS organisations_across,
       (SELECT count(*) FROM store.review_task WHERE state = 'open') AS reviews,
       (SELECT count(*) FROM quarantine.item WHERE state = 'open') AS quarantined
"""
_TOTAL_WORDS = {
    "records": "来源记录 source records",
    "cases": "统一案件 unified cases",
    "cases_across": "跨部门案件 cases known to several departments",
    "persons_across": "跨部门识别的人员 persons recognised across departments",
    "organisations_across": "跨部门识别的单位 firms recognised across departments",
    "reviews": "待复核 pairs left for review",
    "quarantined": "隔离项 rows in quarantine, with their reasons",
}
_PARTIES = """
SELECT s.department, s.source_record_id, p.ordinal, coalesce(m.person_id, o.organisation_id)::text AS entity
FROM store.party p
JOIN store.source_record s ON s.record_id = p.record_id AND s.version = p.version
LEFT JOIN store.person_member m ON m.party_id = p.party_id AND m.known_to IS NULL
LEFT JOIN store.organisation_member o ON o.party_id = p.party_id AND o.known_to IS NULL
WHERE p.known_from IS NOT NULL AND p.known_to IS NULL AND p.kind = '{kind}'
"""
_WELL_KNOWN = """
SELECT (SELECT case_id::text FROM store.unified_case WHERE known_to IS NULL AND NOT has_sealed
        ORDER BY cardinality(departments) DESC, records DESC, case_id LIMIT 1) AS case_id,
       (SELECT v.value FROM store.organisation o JOIN store.golden_value v ON v.entity_id = o.organisation_id
        WHERE o.known_to IS NULL AND v.known_to IS NULL AND v.field = 'name' AND v.rank = 1
        ORDER BY cardinality(o.departments) DESC, o.mentions DESC, o.organisation_id LIMIT 1) AS firm
"""


def check_law(engine: Engine) -> tuple[int, int, int]:
    """Recount the conservation law over every batch that has ended.

    Returns:
        Rows pulled, landed and already known.

    Raises:
        ConservationError: a row was lost or doubled.
    """
    with engine.connect() as connection:
        ended = connection.execute(text("SELECT batch_id FROM ops.batch WHERE state NOT IN ('open', 'landed', 'validated')")).scalars()
        counts = recount(connection, sorted(ended))
    require_law(counts)
    return sum(count.pulled for count in counts), sum(count.landed for count in counts), sum(count.already_known for count in counts)


def judge(engine: Engine, truth: Mapping[str, Path], folder: Path) -> dict[str, Evaluation]:
    """Compare what was recognised with the simulated truth; cases from the export that anybody could judge by."""
    keys = ["department", "source_record_id"]
    exported = folder / "membership.parquet"
    membership(engine, exported)
    cases = pl.read_parquet(exported).join(pl.read_parquet(truth["records"]), on=keys)
    found = {"案件 cases": evaluate(cases["case_id"], cases["case_truth_id"])}
    parties = pl.read_parquet(truth["parties"]).with_columns(pl.col("ordinal").cast(pl.Int64))
    with engine.connect() as connection:
        for words, kind in (("人员 persons", "person"), ("单位 firms", "organisation")):
            mine = read_frame(connection, _PARTIES.format(kind=kind)).with_columns(pl.col("ordinal").cast(pl.Int64))
            both = mine.join(parties, on=[*keys, "ordinal"]).drop_nulls("entity")
            found[words] = evaluate(both["entity"], both[f"{kind}_truth_id"])
    return found


def show_totals(engine: Engine, console: Console, quality: Mapping[str, Evaluation], law: tuple[int, int, int]) -> None:
    """Print totals, then how right they are where anything could be judged."""
    with engine.connect() as connection:
        row = connection.execute(text(_TOTALS)).mappings().one()
    table = Table(show_header=False, title="汇总 · totals")
    for name, words in _TOTAL_WORDS.items():
        table.add_row(words, f"{row[name]:,}")
    table.add_row("守恒律成立 · the law holds: pulled = landed + known", f"{law[0]:,} = {law[1]:,} + {law[2]:,}")
    console.print(table)
    if not quality:
        return
    judged = Table("对照模拟真值 · against the simulated truth", "精确率 precision", "召回率 recall", "F1")
    for words, evaluation in quality.items():
        pairs = evaluation.pairwise
        judged.add_row(words, f"{pairs.precision:.3f}", f"{pairs.recall:.3f}", f"{pairs.f1:.3f}")
    console.print(judged)


class WayIn:
    """How to ask the API: a key per role, and a question of which the answer is known to be there."""

    def __init__(self, engine: Engine, api: str) -> None:
        """Make the keys.

        Args:
            engine: the store.
            api: the API's address.
        """
        with engine.connect() as connection:
            example = connection.execute(text(_WELL_KNOWN)).one()
        self.api, self.firm, self._case = api, example.firm or "欠薪", example.case_id
        callers = (
            Caller("demo-clerk", "clerk", "petition"),
            Caller("demo-engineer", "engineer", None),
            Caller("demo-admin", "admin", None),
        )
        self._keys = {caller.role: create_key(engine, caller, KEY_DAYS, replace=True) for caller in callers}

    def ask(self, console: Console) -> None:
        """Put the question as the clerk and print the answer.

        Raises:
            HubError: the API did not answer it, or knows nothing.
        """
        headers = {"Authorization": f"Bearer {self._keys['clerk']}"}
        try:
            answer = httpx.get(f"{self.api}/v1/cases", params={"q": self.firm}, headers=headers, trust_env=False, timeout=30)
            page = answer.raise_for_status().json()
            found = page["items"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise HubError(
                f"接口未答复查询 · the API did not answer a search ({type(error).__name__})",
                remedy="查看 CASEHUB_HOME（默认 var）中的 demo/api.log · read demo/api.log in CASEHUB_HOME, by default var",
            ) from None
        if not found:
            raise HubError(
                "接口查不到库中已有单位的案件 · the API finds no case of a firm that the store knows",
                remedy="查看 CASEHUB_HOME（默认 var）中的 demo/api.log · read demo/api.log in CASEHUB_HOME, by default var",
            )
        read_as = (page.get("recognised_as") or {}).get("zh", "")
        console.print(f"\n[bold]经办人员问 · a clerk asks[/bold] q={escape(self.firm)} [dim]{escape(read_as)}[/dim]", highlight=False)
        for case in found[:3]:
            departments = "、".join(department["zh"] for department in case["departments"])
            console.print(f"  {escape(case['title'] or case['case_id'])} [dim]{escape(departments)}[/dim]", highlight=False)
        milliseconds = answer.elapsed.total_seconds() * 1000
        console.print(f"  [dim]{len(found)} 件，{milliseconds:.0f} 毫秒 · cases, in so many ms[/dim]", highlight=False)

    def show(self, console: Console, airflow: Airflow) -> None:
        """Print a curl line per role that can be copied as it stands, and the addresses of the pages."""
        parts = (
            f"/{self._case}?include=records,parties,timeline,lineage,links" if self._case else "?limit=5"
        )  # none came, or all are sealed
        lines = {
            "clerk": ("经办人员", f"-G {self.api}/v1/cases --data-urlencode 'q={_quoted(self.firm)}'"),
            "engineer": ("数据工程师", f"{self.api}/v1/sources"),
            "admin": ("平台管理员", f"'{self.api}/v1/cases{parts}'"),
        }
        console.print("\n[bold]三条现成的命令 · three lines to copy[/bold]")
        for role, (words, rest) in lines.items():
            console.print(f"[dim]# {words} {role}[/dim]")
            line = f"curl -s -H 'Authorization: Bearer {self._keys[role]}' {rest}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        console.print(f"\n接口文档 API docs   {self.api}/docs", highlight=False)
        console.print(f"Airflow            {airflow.url}   {USER} / {airflow.password}", markup=False, highlight=False)


def _quoted(words: str) -> str:
    return words.replace("'", "'\\''")
