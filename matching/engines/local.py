"""The engine of one process: every step over columns in memory, pairs compared a batch at a time."""

from __future__ import annotations

import pyarrow as pa

from matching.engines.job import Job
from matching.linkage import all_pairs, decisive_edges


class Local:
    """Links a relation in this process."""

    def edges(self, job: Job) -> pa.Table:
        """See `Engine`."""
        for part in job.parts():
            job.make_forms(part)
        forms = job.forms()
        return decisive_edges(job.relation, forms, all_pairs(job.relation, forms, job.model, job.alone), job.model)
