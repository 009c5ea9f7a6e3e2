"""LAND: pages of raw rows into landing.record as versions, and what a pull asks for, counts and remembers."""
