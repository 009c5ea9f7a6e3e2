"""EXTRACT: contracts and the transports that reach a department's system."""
