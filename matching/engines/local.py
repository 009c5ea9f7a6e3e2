"""The engine of one process: every step over columns in memory, pairs a batch at a time."""

from __future__ import annotations

import pyarrow as pa

from matching.engines.job import DECISIVE, Job
from matching.linkage import all_pairs

#: Pairs compared at a time: comparing needs some ten times as much memory as its result.
PAIRS_AT_ONCE = 400_000


class Local:
    """Links a relation in this process."""

    def edges(self, job: Job) -> pa.Table:
        """See `Engine`."""
        for part in job.parts():
            job.make_forms(part)
        forms = job.forms()
        pairs = all_pairs(job.relation, forms, job.model)
        starts = range(0, pairs.num_rows, PAIRS_AT_ONCE)
        found = [job.compare(forms, pairs.slice(start, PAIRS_AT_ONCE)) for start in starts]
        return pa.concat_tables([DECISIVE.empty_table(), *found])
