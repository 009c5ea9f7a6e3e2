"""Payloads as columns: paths into them, the transforms that a contract may name, and checks of whole columns."""
