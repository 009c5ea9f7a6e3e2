"""Why personal values are looked at in the clear: what a command is given beside `--clear`, as the API is in its headers."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import Engine

from cli.acting import looking_for
from hub.database import store_errors
from hub.errors import RequestError

Clear = Annotated[bool, typer.Option("--clear", help="显示个人信息原文 · show personal values unmasked; wants --purpose and --reference")]
PurposeName = Annotated[str, typer.Option("--purpose", help="查看目的，与 --clear 一同给出 · with --clear: what for, one of the policy's")]
Reference = Annotated[str, typer.Option("--reference", help="所办案件的案号，与 --clear 一同给出 · with --clear: the case that it is for")]


def require_purpose(engine: Engine, purpose: str, reference: str) -> None:
    """Refuse to show personal values in the clear to whoever does not say what for; who does is written down with it.

    Raises:
        RequestError: the purpose is none of the policy's, or there is no case that the API would take.
    """
    from api.access import CASE_REFERENCE
    from api.policy.store import in_force

    with store_errors(), engine.connect() as connection:
        known = in_force(connection).purposes
    case_reference = reference.strip()
    if purpose not in known or not CASE_REFERENCE.fullmatch(case_reference):
        raise RequestError(
            "显示原文须注明查看目的与案号 · personal values are clear to whoever says what for, and for which case",
            remedy="加上 --purpose 与 --reference（1 至 100 字） · "
            f"add --purpose and --reference, of 1 to 100 characters; --purpose: {', '.join(known)}",
        )
    looking_for(purpose, case_reference)
