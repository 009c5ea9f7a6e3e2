"""LOOK UP: records not yet filed, compared with what the store shows, and nothing written."""
