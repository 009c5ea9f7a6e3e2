"""WATCHES: what callers want to be told of, found in their view, kept for them to fetch, and posted to their own systems."""
