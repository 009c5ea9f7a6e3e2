"""Measured, one command, one table."""

import hub  # noqa: F401 - says how many threads polars has, which is heard only before polars is there: else two are measured
