"""Sixteen departments, one module each: world rows in that department's own words and format."""
