"""The ground floor: settings, errors, logging, the embedded PostgreSQL."""

import os

# Frames here are chunks of a few thousand rows, and departments and chunks are worked on side by side already: polars' own
# threads would only wait for each other.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
