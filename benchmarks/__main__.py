"""`python -m benchmarks NAME`: main (the way of a record from its source into the store)."""

from __future__ import annotations

import sys

from benchmarks import main_job

BENCHMARKS = {"main": main_job.measure}


def main() -> None:
    """Run the named benchmark; all of them where none is named."""
    names = sys.argv[1:] or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            sys.exit(f"no benchmark {name}; there are {', '.join(BENCHMARKS)}")
        BENCHMARKS[name]()


main()
