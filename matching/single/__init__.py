"""One row at a time: the same forms, keys, levels and weights as the column functions give, for a question that cannot wait.

A column function costs some hundred operations of its engine whether it is given one row or a thousand: for one row that is
nearly all of it. Here a row is a mapping, and each value is worked out by itself and remembered. The patterns and word lists
are those of the column functions, and properties over both hold the two together (tests/unit/matching/test_single_*.py).
"""
