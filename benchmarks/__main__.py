"""`python -m benchmarks NAME`: see BENCHMARKS for the names; all of them where none is named."""

from __future__ import annotations

import sys

from benchmarks import audit_log, incremental, linkage, main_job, messages, name_pairs, relink

BENCHMARKS = {
    "pass": main_job.measure_pass,
    "ingest": main_job.measure_ingest,
    "matching": linkage.measure_matching,
    "million": linkage.measure_million,
    "incremental": incremental.measure_incremental,
    "five_million": linkage.measure_five_million,
    "messages": messages.measure_messages,
    "names": name_pairs.measure_names,
    "relink": relink.measure_relink,
    "audit": audit_log.measure_audit,
}


def main() -> None:
    """Run the named benchmark; all of them where none is named."""
    names = sys.argv[1:] or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            sys.exit(f"no benchmark {name}; there are {', '.join(BENCHMARKS)}")
        BENCHMARKS[name]()


main()
