"""QUERY: the single entry."""
