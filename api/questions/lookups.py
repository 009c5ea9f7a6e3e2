"""What is asked of batch look-ups."""

from __future__ import annotations

from pydantic import Field

from api.questions.common import Strict


class LookupQuery(Strict):
    """How the file's columns are to be read."""

    columns: str | None = Field(
        None,
        max_length=2_000,
        pattern=r"^[^\x00-\x1f]*$",
        description="列名=种类，逗号分隔；省略则按表头识别 · NAME=KIND, separated by commas; left out, the header tells. "
        "Kinds: name, id_number, phone, organisation, credit_code, case_number, address, entry.",
        examples=["被询问人=name,联系号码=phone"],
    )
