"""One way to reach a system each."""
