"""What search needs: names by their keys, numbers by a part, and the look-ups that row security must not slow down.

The functions run as their owner, for `@@`, `&&` and LIKE are not leakproof and would not be given an index under row
security. They return ids and where a thing stands, never a value, and only of records that row security shows to the login
that asks; whoever asks joins the ids to tables that it guards.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NUMBER_PART = "translate(upper(coalesce(case_number, source_record_id)), '〔〕【】[]（）()-－—_/.·# ', '')"
READER = "casehub_reader"
_OWN = "(SELECT s.own FROM ops.my_scope s)"
# What row security of store.source_record says, of the login that asks.
_VISIBLE = f"""(
    r.known_from IS NOT NULL AND r.known_to IS NULL AND NOT r.is_deleted
    AND (r.visibility = 'shared' OR r.department = {_OWN}
         OR (r.visibility = 'restricted' AND EXISTS (SELECT FROM ops.granted_record g WHERE g.record_id = r.record_id OFFSET 0)))
    AND ((SELECT s.departments IS NULL FROM ops.my_scope s) OR r.department = ANY ((SELECT s.departments FROM ops.my_scope s)::text[])
         OR r.department = {_OWN})
    AND ((SELECT s.streets IS NULL AND s.communities IS NULL FROM ops.my_scope s)
         OR r.street = ANY ((SELECT s.streets FROM ops.my_scope s)::text[])
         OR r.community = ANY ((SELECT s.communities FROM ops.my_scope s)::text[]))
)"""
_OPTIONS = "LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off"

# The newest of at most so many that are looked at; `held`: how many these are.
_FIND_WORDS = f"""
CREATE FUNCTION store.find_words(words tsquery, most integer, looked_at integer)
RETURNS TABLE (record_id bigint, version integer, held bigint)
{_OPTIONS} ROWS 100 AS $$
    SELECT w.record_id, w.version, count(*) OVER ()
    FROM (
        SELECT r.record_id, r.version, r.reported_at FROM store.source_record r WHERE r.tokens @@ words AND {_VISIBLE} LIMIT looked_at
    ) w
    ORDER BY w.reported_at DESC NULLS LAST, w.record_id LIMIT most
$$
"""
_FIND_NAMES = f"""
CREATE FUNCTION store.find_names(wanted bigint[], ranks integer[], most integer)
RETURNS TABLE (record_id bigint, version integer, ordinal integer, rank integer)
{_OPTIONS} ROWS 100 AS $$
    SELECT r.record_id, r.version, p.ordinal, n.rank
    FROM (
        SELECT f.name, (SELECT min(k.rank) FROM unnest(wanted, ranks) AS k (key, rank) WHERE k.key = ANY (f.keys)) AS rank
        FROM store.name_form f WHERE f.keys && wanted
    ) n
    JOIN store.party p ON p.name = n.name AND length(p.name) <= 100
    JOIN store.source_record r ON r.record_id = p.record_id AND r.version = p.version
    WHERE {_VISIBLE}
    ORDER BY n.rank, r.reported_at DESC NULLS LAST, r.record_id LIMIT most
$$
"""
_FIND_NUMBERS = f"""
CREATE FUNCTION store.find_numbers(part text, most integer) RETURNS TABLE (record_id bigint, version integer, field text)
{_OPTIONS} ROWS 100 AS $$
    SELECT r.record_id, r.version, CASE WHEN r.case_number IS NULL THEN 'source_record_id' ELSE 'case_number' END
    FROM store.source_record r WHERE {_NUMBER_PART} LIKE part AND {_VISIBLE} LIMIT most
$$
"""
# `shown`: how many last characters of phones, own and others', and of ID numbers, own and others', the caller is shown; 99 is all.
# A mask shows them of mobile phones and long documents alone.
_FIND_TAILS = f"""
CREATE FUNCTION store.find_tails(tail text, shown integer[], most integer)
RETURNS TABLE (record_id bigint, version integer, field text, ordinal integer)
{_OPTIONS} ROWS 100 AS $$
    SELECT r.record_id, r.version, t.field, t.ordinal
    FROM (
        SELECT p.record_id, p.version, 'phone' AS field, p.ordinal, p.phone AS number, p.phone ~ '^1[0-9]{{10}}$' AS is_long,
               shown[1] AS own, shown[2] AS others
        FROM store.party p WHERE "right"(p.phone, 4) = "right"(tail, 4)
        UNION ALL
        SELECT p.record_id, p.version, 'id_no', p.ordinal, p.id_no, length(p.id_no) >= 15, shown[3], shown[4]
        FROM store.party p WHERE "right"(p.id_no, 4) = "right"(tail, 4)
    ) t
    JOIN store.source_record r ON r.record_id = t.record_id AND r.version = t.version
    CROSS JOIN LATERAL (SELECT CASE WHEN r.department = {_OWN} THEN t.own ELSE t.others END AS characters) may
    WHERE {_VISIBLE} AND "right"(t.number, length(tail)) = tail AND length(tail) <= may.characters AND (may.characters = 99 OR t.is_long)
    ORDER BY r.reported_at DESC NULLS LAST, r.record_id LIMIT most
$$
"""
_FUNCTIONS = {
    "store.find_words(tsquery, integer, integer)": _FIND_WORDS,
    "store.find_names(bigint[], integer[], integer)": _FIND_NAMES,
    "store.find_numbers(text, integer)": _FIND_NUMBERS,
    "store.find_tails(text, integer[], integer)": _FIND_TAILS,
}


def upgrade() -> None:
    op.create_table(
        "name_form",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("keys", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_name_form")),
        schema="store",
    )
    op.create_index("ix_name_form_keys", "name_form", ["keys"], unique=False, schema="store", postgresql_using="gin")
    op.create_index("ix_party_name", "party", ["name"], unique=False, schema="store", postgresql_where=sa.text("length(name) <= 100"))
    for column in ("phone", "id_no"):
        op.create_index(
            f"ix_party_{column}_tail",
            "party",
            [sa.literal_column(f'"right"({column}, 4)')],
            unique=False,
            schema="store",
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_index(
        "ix_source_record_number_part",
        "source_record",
        [sa.literal_column(_NUMBER_PART).label("number_part")],
        unique=False,
        schema="store",
        postgresql_using="gin",
        postgresql_ops={"number_part": "gin_trgm_ops"},
        postgresql_where=sa.text("NOT is_deleted"),
    )
    for signature, statement in _FUNCTIONS.items():
        op.execute(statement)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {READER}")


def downgrade() -> None:
    for signature in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_index("ix_source_record_number_part", table_name="source_record", schema="store")
    for column in ("id_no", "phone"):
        op.drop_index(f"ix_party_{column}_tail", table_name="party", schema="store")
    op.drop_index("ix_party_name", table_name="party", schema="store")
    op.drop_table("name_form", schema="store")
