"""Measured, one command, one table."""
