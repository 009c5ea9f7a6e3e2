"""Phones and ID numbers in texts are tokens as wholes alone: done by 0018, which does the same for more ways of writing them."""

from __future__ import annotations

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is left to do here."""


def downgrade() -> None:
    """Nothing was done."""
