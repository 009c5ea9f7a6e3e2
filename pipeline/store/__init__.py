"""The steps' way to the store: frames by COPY, a channel for each transaction, locks, protected values, prepared statements."""
