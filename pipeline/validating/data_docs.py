"""Data Docs: Great Expectations' own pages of what a contract expects and what a batch was found to be, from counts alone.

Enters: a contract and its findings. Leaves: HTML under a folder, `index.html` on top; the pages of a department's last
batches are kept. They stand alone: what Great Expectations would load from elsewhere is taken out, and a small style
sheet put in, because a government's network has no way there and nobody outside is to learn who reads them.
"""

from __future__ import annotations

import datetime
import hashlib
import html
import json
import logging
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from connectors.contract import Contract
from connectors.words import BATCH_EXPECTATIONS
from pipeline.validating.expectations import Finding, suite

logger = logging.getLogger(__name__)

KEPT_BATCHES = 20
_one_index = Lock()  # departments that are validated beside each other in one process all write it
_ELSEWHERE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*https?://[^>]*>|<footer\b.*?</footer>|url\('https?://[^']*'\)[^;]*;",
    re.DOTALL,
)
_STYLE = """<style>
body{font:15px/1.5 system-ui,"Noto Sans SC","Microsoft YaHei",sans-serif;margin:0 auto;max-width:72rem;padding:0 1rem;color:#1d2733}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d7dde4;padding:.4rem .6rem;text-align:left;vertical-align:top}
a{color:#0b5cad}.alert{background:#eef2f6;padding:.6rem .8rem;margin-top:1.2rem}.collapse{display:block}.sticky,.btn{display:none}
.breadcrumb{list-style:none;padding:0;display:flex;gap:.8rem}.fa-times::before{content:"✗";color:#b3261e}
.fa-check-circle::before{content:"✓";color:#1b7f3b}.fa-exclamation-triangle::before{content:"!";color:#b26a00}
.cooltip .top{display:none}
</style></head>"""


@dataclass(frozen=True)
class _Summary:
    """A line of the index."""

    department: str
    title: str
    batch_id: int
    at: str
    rules: int
    failed_rules: int
    page: str


def data_docs(contract: Contract, findings: Sequence[Finding], folder: Path, *, batch_id: int, at: datetime.datetime) -> Path:
    """Write a batch's page, the department's suite and the index.

    Args:
        contract: of the department.
        findings: one a rule, summed over the batch; rules without one were not evaluated. Their row positions are not used.
        folder: the site; what else it holds stays.
        batch_id: of the batch.
        at: when it was validated.

    Returns:
        The batch's page.
    """
    expected = suite(contract)
    # The pages' own links lead four levels up.
    home = folder / "validations" / contract.department
    page = home / f"batch-{batch_id}" / at.strftime("%Y%m%dT%H%M%SZ") / f"{contract.department}.html"
    _write(page, _alone(_validation_page(contract, expected, findings, batch_id, at)))
    _write_suite(folder / "expectations" / f"{contract.department}.html", expected)
    summary = _Summary(
        contract.department,
        f"{contract.title.zh} {contract.title.en}",
        batch_id,
        at.isoformat(timespec="seconds"),
        len(findings),
        sum(finding.failed > 0 for finding in findings),
        page.relative_to(folder).as_posix(),
    )
    _write(home / f"batch-{batch_id}.json", json.dumps(asdict(summary), ensure_ascii=False))
    _prune(home)
    with _one_index:
        _write(folder / "index.html", _index(folder))
    return page


def _validation_page(contract: Contract, expected: Any, findings: Sequence[Finding], batch_id: int, at: datetime.datetime) -> str:
    from great_expectations import __version__
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    results = _results(contract, expected, findings)
    successful = sum(bool(result.success) for result in results)
    result = ExpectationSuiteValidationResult(
        success=successful == len(results),
        results=results,
        suite_name=contract.department,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": successful,
            "unsuccessful_expectations": len(results) - successful,
            "success_percent": 100 * successful / len(results) if results else None,
        },
        meta={
            "run_id": RunIdentifier(run_name=f"batch {batch_id}", run_time=at),
            "validation_time": at,
            "great_expectations_version": __version__,
        },
    )
    return _drawn(ValidationResultsPageRenderer(), result)


def _write_suite(path: Path, expected: Any) -> None:
    """Drawn anew only where the contract's expectations, or what draws them, have changed: drawing is half of a small batch's pages."""
    from great_expectations import __version__
    from great_expectations.render.renderer.page_renderer import ExpectationSuitePageRenderer

    told = json.dumps([__version__, _STYLE, [each.configuration.to_json_dict() for each in expected.expectations]], sort_keys=True)
    mark = f"<!-- {hashlib.sha256(told.encode()).hexdigest()} -->"
    if not path.exists() or not path.read_text(encoding="utf-8").endswith(mark):
        _write(path, _alone(_drawn(ExpectationSuitePageRenderer(), expected)) + mark)


def _drawn(renderer: Any, content: Any) -> str:
    return str(_view().render(renderer.render(content), data_context_id=None, show_how_to_buttons=False))


@cache
def _view() -> Any:
    """One for all pages: a view compiles its templates anew, and that takes longer than to fill them."""
    from great_expectations.render.view.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


def _results(contract: Contract, expected: Any, findings: Sequence[Finding]) -> list[Any]:
    """Great Expectations' results with nothing in them but counts, in the contract's order."""
    from great_expectations.core import ExpectationValidationResult

    waiting = list(findings)
    results = []
    for expectation, built in zip(contract.expectations, expected.expectations, strict=True):
        column = ", ".join(expectation.columns) or None
        found = next((each for each in waiting if (each.rule, each.column) == (expectation.type, column)), None)
        if found is None:
            continue
        waiting.remove(found)
        percent = 100 * found.failed / found.evaluated if found.evaluated else 0.0
        counts = {
            "element_count": found.evaluated,
            "missing_count": 0,
            "missing_percent": 0.0,
            "unexpected_count": found.failed,
            "unexpected_percent": percent,
            "unexpected_percent_total": percent,
            "unexpected_percent_nonmissing": percent,
        }
        is_about_rows = expectation.type not in BATCH_EXPECTATIONS
        results.append(
            ExpectationValidationResult(
                success=found.failed == 0, expectation_config=built.configuration, result=counts if is_about_rows else {}
            )
        )
    return results


def _alone(page: str) -> str:
    """The page without anything that a browser would fetch from elsewhere."""
    return _ELSEWHERE.sub("", page).replace("</head>", _STYLE, 1)


def _index(folder: Path) -> str:
    summaries = sorted(_summaries(folder), key=lambda each: (each.department, -each.batch_id))
    rows = "".join(
        f"<tr><td>{html.escape(each.title)}</td>"
        f'<td><a href="{html.escape(each.page)}">batch {each.batch_id}</a></td><td>{html.escape(each.at)}</td>'
        f"<td>{each.rules - each.failed_rules} ✓ {f'{each.failed_rules} ✗' if each.failed_rules else ''}</td>"
        f'<td><a href="expectations/{html.escape(each.department)}.html">expectations</a></td></tr>'
        for each in summaries
    )
    return (
        f'<!DOCTYPE html><html lang="zh"><head><meta charset="UTF-8"><title>数据校验 Data Docs</title>{_STYLE}<body>'
        f"<h1>数据校验 Data Docs</h1>"
        f"<table><thead><tr><th>部门 Department</th><th>批次 Batch</th><th>时间 Time</th><th>规则 Rules</th><th></th></tr></thead>"
        f"<tbody>{rows}</tbody></table></body></html>"
    )


def _summaries(folder: Path) -> list[_Summary]:
    found = []
    for path in folder.glob("validations/*/batch-*.json"):
        try:
            found.append(_Summary(**json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            logger.warning("%s is no summary of a batch; the index leaves it out", path.name)
    return found


def _prune(home: Path) -> None:
    """Keep the department's newest batches."""
    summaries = sorted(home.glob("batch-*.json"), key=lambda path: int(path.stem.removeprefix("batch-")), reverse=True)
    for summary in summaries[KEPT_BATCHES:]:
        shutil.rmtree(home / summary.stem, ignore_errors=True)
        summary.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    """Whole or not at all: other processes validate at the same time, and all of them write the index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
