"""`python -m benchmarks NAME`: pass (sources to published store), ingest (the way in), matching and million (beside Splink), names."""

from __future__ import annotations

import sys

from benchmarks import linkage, main_job, name_pairs

BENCHMARKS = {
    "pass": main_job.measure_pass,
    "ingest": main_job.measure_ingest,
    "matching": linkage.measure_matching,
    "million": linkage.measure_million,
    "names": name_pairs.measure_names,
}


def main() -> None:
    """Run the named benchmark; all of them where none is named."""
    names = sys.argv[1:] or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            sys.exit(f"no benchmark {name}; there are {', '.join(BENCHMARKS)}")
        BENCHMARKS[name]()


main()
