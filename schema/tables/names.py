"""STORE: the distinct names that parties bear, with the keys by which search finds them although they are typed otherwise."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Column, Index, Table, Text

from schema.tables.base import metadata

NAME_LONGEST = 100  # characters; a longer one is found by its words alone

name_form = Table(
    "name_form",
    metadata,
    Column("name", Text, primary_key=True),  # as parties have it
    # 64 bits of each key's XXH3: short, and free of values. What sharing a key means only who asks knows.
    Column("keys", ARRAY(BigInteger), nullable=False),
    Index("ix_name_form_keys", "keys", postgresql_using="gin"),
    schema="store",
)
