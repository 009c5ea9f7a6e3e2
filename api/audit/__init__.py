"""AUDIT: every call and command as one row, committed before its answer; the rows chained; the chain's head kept outside the database.

    row → writer → access → sealing → seal → heads → a file
                      ↓                 ↓        ↓
                   subject           verify ← ← ←

`row` makes a row of a trace, `writer` commits many at once, `sealing` chains what committed, `heads` publishes the chain's end,
`verify` finds what was changed since, `subject` tells who looked at a person, `prune` removes what is old and leaves a tombstone.
"""

from __future__ import annotations

from api.audit.row import write_audit, write_audits, write_within

__all__ = ["write_audit", "write_audits", "write_within"]
