"""EXPORT of any query: rows as the caller may see them, written out while they are read."""
