"""The steps as transactions: a folder a step, none of which knows another, for they hand on through the store.

`landing` → `validating` → `normalising`, which `ingest` joins for one department; then `resolving`, of all that waits; `run` does the whole
pass. `relinking`, `evaluating` and `looking_up` read what RESOLVE made. `batch`, `columns` and `store` are what the steps share.
"""
