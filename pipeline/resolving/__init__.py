"""RESOLVE: everything that waits, chunk by chunk, each compared, linked, clustered and published in one transaction."""
