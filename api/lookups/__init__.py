"""BATCH LOOK-UP: a workbook or CSV of names and numbers in; the same, with what the caller may see of each, out."""
