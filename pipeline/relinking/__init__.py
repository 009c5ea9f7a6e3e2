"""RELINK: the whole store linked anew beside the live result, and how the two differ."""
