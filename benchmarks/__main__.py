"""`python -m benchmarks NAME`: pass (from the sources to the published store) or ingest (the way in, at three sizes)."""

from __future__ import annotations

import sys

from benchmarks import main_job

BENCHMARKS = {"pass": main_job.measure_pass, "ingest": main_job.measure_ingest}


def main() -> None:
    """Run the named benchmark; all of them where none is named."""
    names = sys.argv[1:] or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            sys.exit(f"no benchmark {name}; there are {', '.join(BENCHMARKS)}")
        BENCHMARKS[name]()


main()
