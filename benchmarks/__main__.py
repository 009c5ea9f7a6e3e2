"""`python -m benchmarks NAME`: see BENCHMARKS for the names; where none is named all of them but those of APART."""

from __future__ import annotations

import sys

from benchmarks import api, audit_log, demo, encryption, groups, incremental, linkage, lookup, main_job, messages, name_pairs, relink

BENCHMARKS = {
    "pass": main_job.measure_pass,
    "ingest": main_job.measure_ingest,
    "matching": linkage.measure_matching,
    "million": linkage.measure_million,
    "incremental": incremental.measure_incremental,
    "lookup": lookup.measure_lookup,
    "five_million": linkage.measure_five_million,
    "groups": groups.measure_groups,
    "messages": messages.measure_messages,
    "names": name_pairs.measure_names,
    "relink": relink.measure_relink,
    "api": api.measure_api,
    "demo": demo.measure_demo,
    "audit": audit_log.measure_audit,
    "encryption": encryption.measure_encryption,
}
# The store of two takes an hour to make (`make bench-api`, `make bench ARGS=lookup`); the demo installs the project anew (`ARGS=demo`).
APART = {"api", "demo", "lookup"}


def main() -> None:
    """Run the named benchmark; where none is named all of them but those that are run apart."""
    names = sys.argv[1:] or [name for name in BENCHMARKS if name not in APART]
    for name in names:
        if name not in BENCHMARKS:
            sys.exit(f"no benchmark {name}; there are {', '.join(BENCHMARKS)}")
        BENCHMARKS[name]()


main()
