"""OTHERS: nodes that a chunk's own are compared with, each read and its forms made once however often it is asked for."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from matching.forms import with_sides
from pipeline.resolving.links import Task, forms_of
from pipeline.resolving.relations import CASE, as_input, read_nodes, resolved


class Others:
    """Nodes beside those that a chunk looks at.

    Args:
        task: whose nodes these are compared with.
        ahead: rows of cases, and their forms, for which who is on their sides is still to be read, once that is settled.
    """

    def __init__(self, task: Task, ahead: tuple[pl.DataFrame, pa.Table] | None = None) -> None:
        self._task, self._ahead = task, ahead
        self._asked_for = ahead[0]["id"] if ahead else pl.Series(dtype=pl.Int64)
        self._parts: list[tuple[pl.DataFrame, pa.Table]] = []

    def of(self, ids: pl.Series) -> tuple[pl.DataFrame, pa.Table]:
        """Rows, as `read_nodes` gives them, and forms of those that are there."""
        if self._ahead is not None:
            bare, forms = self._ahead
            rows = resolved(self._task.channel, bare["id"], lambda: bare)
            self._parts.append((rows, forms_with_sides(forms, rows)))
            self._ahead = None
        unknown = ids.filter(~ids.is_in(self._asked_for.implode()))
        if len(unknown):
            rows = read_nodes(self._task.channel, self._task.relation, unknown)
            self._parts.append((rows, forms_of(self._task, rows)))
            self._asked_for = pl.concat([self._asked_for, unknown])
        if len(unknown) == len(ids):
            return self._parts[-1]
        rows = pl.concat([part[0] for part in self._parts])
        return rows.filter(pl.col("id").is_in(ids.implode())), of_nodes(pa.concat_tables([part[1] for part in self._parts]), ids)


def forms_with_sides(forms: pa.Table, rows: pl.DataFrame) -> pa.Table:
    """Forms of cases with who is on their sides by now; rows of both in one order."""
    return with_sides(forms, as_input(CASE, rows))


def of_nodes(forms: pa.Table, ids: pl.Series) -> pa.Table:
    """Forms of these nodes alone."""
    return forms.filter(pa.array(pl.Series(forms["id"]).is_in(ids.implode())))
