"""How mistakes in contracts and code lists are shown: file, line, place, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.markup import escape

from cli.console import Console
from connectors.document import Problem


def print_problems(problems: Iterable[Problem]) -> None:
    """Print each with its remedy."""
    console = Console(soft_wrap=True)
    for problem in problems:
        place = f"{shown_path(problem.file)}:{problem.line}" if problem.line else shown_path(problem.file)
        console.print(f"[bold]{escape(place)}[/bold] [red]{escape(problem.where)}[/red] ", end="", highlight=False)
        console.print(problem.message, markup=False, highlight=False)
        if problem.remedy:
            console.print("  → " + problem.remedy, style="green", markup=False, highlight=False)


def shown_path(path: Path) -> str:
    """A path from the working folder, where it is below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
