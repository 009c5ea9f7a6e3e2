"""Sixteen departments' systems on loopback."""
