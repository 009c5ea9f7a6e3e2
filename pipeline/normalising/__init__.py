"""NORMALISE: validated rows → records and parties in the hub's words, waiting for RESOLVE."""
