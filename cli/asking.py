"""What a command asks for and does not show while it is typed: keys, ID numbers."""

from __future__ import annotations

import getpass
import sys
import warnings

import typer

from hub.errors import RequestError


def asked(prompt: str, remedy: str) -> str:
    """What is typed, or piped in.

    Raises:
        RequestError: nothing is, and nobody sits there: the remedy says how to give it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", getpass.GetPassWarning)  # of a pipe, in which nothing can be seen
            return str(typer.prompt(prompt, hide_input=True)).strip()
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        zh, _, en = prompt.partition(" · ")
        raise RequestError(f"未提供{zh} · nothing was given for: {en}", remedy=remedy) from None
