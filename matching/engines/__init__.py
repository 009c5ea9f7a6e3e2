"""The same linkage functions over more data."""
