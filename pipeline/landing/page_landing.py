"""PAGE: a page of raw rows → versions in landing.record, with its counts, in one transaction.

A row that equals the latest version of its key is already known and writes nothing; anything else is a new version. What
has no key is known by its content.
"""

from __future__ import annotations

from sqlalchemy import text

from connectors.contract import Contract
from connectors.extract import Page
from pipeline.batch.event_order import is_ordered
from pipeline.landing.discarded import is_discarded
from pipeline.landing.order import Landing
from pipeline.landing.staging import stage
from pipeline.landing.watermark import furthest, move

# A page of anything but events is spared the sort.
_EVENT_TURN = "row_number() OVER (PARTITION BY own_id, source_record_id, content_hash ORDER BY ordinal)"
# What is judged goes without its payload, which is fetched by its place in the end: five sorts would carry it along.
# A key that stands twice in one snapshot with two contents has no right version: the first is taken, the others are kept
# without a key, so that the same file tomorrow is still "already known". Numbers go on from the newest version, discarded or not.
# An event that is known by its id says nothing new of its record: what follows it is compared with what landed last, not with it.
# A source may hold a key twice, in two months' files say, and gives both rows each time: one that landed before, place and all, and that
# another of its key follows is no news of its record. Where everything is asked for what follows may be on a later page: such a row
# waits in `returned`, and lands at the end if none did, for its record is then as it was once more.
# The same id with another content, or of another record, is no repeat; with other bytes alone (when it was sent, say), which the
# inbox keeps under the id and a hash, it is one. An event that tells its place in its record's history is new whatever it says:
# that a case is as it was is news, where something older may still come.
_SAME = f"""
r.department = :department AND r.source_record_id = {{row}}.source_record_id AND r.content_hash = {{row}}.content_hash
AND r.source_cursor IS NOT DISTINCT FROM {{row}}.cursor AND r.state <> 'erased' AND NOT {is_discarded("r")}
"""
_HASHED = f"""
WITH hashed AS MATERIALIZED (
    SELECT ctid AS place, ordinal, source_record_id, cursor, event_id, regexp_replace(event_id, '#[0-9a-f]{{64}}$', '') AS own_id,
           CASE WHEN operation = 'delete' THEN sha256('deleted') WHEN payload IS NULL THEN sha256(coalesce(raw, ''))
                ELSE sha256(convert_to((payload - cast(:volatile AS text[]){{nested}})::text, 'UTF8')) END AS content_hash
    FROM staged
), keyed AS MATERIALIZED (
    SELECT h.*, source_record_id IS NOT NULL AND NOT (:is_snapshot AND (
               h.source_record_id IN (SELECT source_record_id FROM seen)
               OR row_number() OVER (PARTITION BY source_record_id ORDER BY ordinal) > 1)) AS has_key,
           event_id IS NOT NULL AND ({{event_turn}} > 1 OR EXISTS (
               SELECT FROM landing.record r
               WHERE r.department = :department AND r.event_id IN (h.event_id, h.own_id) AND r.content_hash = h.content_hash
                 AND (r.source_record_id = h.source_record_id OR h.source_record_id IS NULL AND NOT r.has_key)
                 AND NOT {is_discarded("r")})) AS is_repeat
    FROM hashed h
), beside AS MATERIALIZED (
    SELECT k.*, l.version AS latest_version, l.content_hash AS latest_hash,
           lead(true) OVER (PARTITION BY k.source_record_id, k.has_key AND NOT k.is_repeat ORDER BY k.ordinal) IS TRUE AS is_followed,
           row_number() OVER (PARTITION BY k.content_hash, k.has_key ORDER BY k.ordinal) AS copy
    FROM keyed k LEFT JOIN LATERAL (
        SELECT version, CASE WHEN NOT {is_discarded("r")} THEN content_hash ELSE (
            SELECT content_hash FROM landing.record o
            WHERE o.department = :department AND o.source_record_id = k.source_record_id AND NOT {is_discarded("o")}
            ORDER BY version DESC LIMIT 1
        ) END AS content_hash
        FROM landing.record r WHERE r.department = :department AND r.source_record_id = k.source_record_id AND k.has_key
        ORDER BY version DESC LIMIT 1
    ) l ON true
), aged AS MATERIALIZED (
    SELECT b.*, o.is_old IS TRUE AS is_old
    FROM beside b LEFT JOIN LATERAL (
        SELECT true AS is_old FROM landing.record r
        WHERE :may_repeat AND b.has_key AND b.latest_version IS NOT NULL
          AND (b.is_followed OR :looks_back AND b.content_hash IS DISTINCT FROM b.latest_hash) AND {_SAME.format(row="b")}
        LIMIT 1
    ) o ON true
), latest AS MATERIALIZED (
    SELECT a.*, lag(a.content_hash) OVER (
        PARTITION BY a.source_record_id, a.has_key AND NOT a.is_repeat AND NOT a.is_old ORDER BY a.ordinal) AS previous_hash
    FROM aged a
), judged AS MATERIALIZED (
    SELECT t.*, CASE
        WHEN is_repeat OR is_old THEN true
        WHEN has_key AND :is_ordered THEN false
        WHEN has_key THEN content_hash = coalesce(previous_hash, latest_hash)
        ELSE copy <= (SELECT count(*) FROM landing.record r
                      WHERE r.department = :department AND NOT r.has_key AND r.content_hash = t.content_hash AND NOT {is_discarded("r")})
    END IS TRUE AS is_known
    FROM latest t
)"""
_LAND = (
    _HASHED
    + """, fresh AS (
    SELECT place, ordinal, source_record_id, has_key, content_hash, event_id, coalesce(latest_version, 0) AS known_version,
           row_number() OVER (PARTITION BY source_record_id, has_key ORDER BY ordinal) AS turn
    FROM judged WHERE NOT is_known
), landed AS (
    INSERT INTO landing.record (department, source_record_id, version, batch_id, ordinal, operation, content_hash, has_key, payload, raw,
                                fault, event_id, source_cursor, state)
    SELECT :department, CASE WHEN f.has_key THEN f.source_record_id ELSE :batch_id || ':' || f.ordinal END,
           CASE WHEN f.has_key THEN f.known_version + f.turn ELSE 1 END,
           :batch_id, f.ordinal, s.operation, f.content_hash, f.has_key,
           coalesce(to_jsonb(s.kept_payload), s.payload), coalesce(s.kept_raw, s.raw),
           coalesce(s.fault, CASE WHEN NOT f.has_key AND f.source_record_id IS NOT NULL THEN cast(:twice AS text) END),
           f.event_id, CASE WHEN NOT :is_ordered OR s.cursor COLLATE "C" <= :ahead THEN s.cursor END, 'landed'
    FROM fresh f JOIN staged s ON s.ctid = f.place ORDER BY f.ordinal
    RETURNING 1
), marked AS (
    INSERT INTO seen SELECT DISTINCT source_record_id FROM judged WHERE :is_sweep AND has_key ON CONFLICT DO NOTHING
), marked_keyless AS (
    INSERT INTO seen_keyless SELECT DISTINCT content_hash FROM judged WHERE NOT has_key ON CONFLICT DO NOTHING
), waiting AS (
    INSERT INTO returned SELECT source_record_id, content_hash, cursor, ordinal FROM judged WHERE is_old AND NOT is_followed
    ON CONFLICT (source_record_id) DO UPDATE
    SET content_hash = excluded.content_hash, cursor = excluded.cursor, ordinal = excluded.ordinal
), followed AS (
    DELETE FROM returned r USING judged j WHERE r.source_record_id = j.source_record_id AND j.has_key AND NOT (j.is_old OR j.is_followed)
)
SELECT (SELECT count(*) FROM landed) AS landed, (SELECT count(*) FROM judged WHERE is_known) AS known
"""
)
_LAND_RETURNED = f"""
WITH landed AS (
    INSERT INTO landing.record (department, source_record_id, version, batch_id, ordinal, operation, content_hash, has_key, payload, raw,
                                fault, source_cursor, state)
    SELECT :department, w.source_record_id, n.version + 1, :batch_id, w.ordinal, o.operation, o.content_hash, true, o.payload, o.raw,
           o.fault, o.source_cursor, 'landed'
    FROM returned w CROSS JOIN LATERAL (
        SELECT r.* FROM landing.record r WHERE {_SAME.format(row="w")} ORDER BY r.version DESC LIMIT 1
    ) o CROSS JOIN LATERAL (
        SELECT max(version) AS version FROM landing.record r WHERE r.department = :department AND r.source_record_id = w.source_record_id
    ) n
    RETURNING 1
)
UPDATE ops.batch SET landed = landed + c.rows, already_known = already_known - c.rows
FROM (SELECT count(*) AS rows FROM landed) c WHERE batch_id = :batch_id AND c.rows > 0
"""
_COUNT = """
UPDATE ops.batch SET pulled = pulled + :pulled, landed = landed + :landed, already_known = already_known + :known,
       watermark_to = coalesce(:watermark, watermark_to),
       columns = (SELECT jsonb_agg(DISTINCT name) FROM (
           SELECT jsonb_array_elements_text(coalesce(columns, '[]')) AS name UNION SELECT unnest(cast(:columns AS text[]))) names)
WHERE batch_id = :batch_id
"""
_TAKE_FROM_INBOX = "UPDATE ops.inbox SET batch_id = :batch_id WHERE inbox_id IN (SELECT inbox_id FROM staged)"


def land_page(landing: Landing, page: Page, watermark: str | None) -> None:
    """Land a page, count it, and move the watermark, in one transaction.

    Args:
        landing: the batch.
        page: its rows.
        watermark: up to where everything has come; None where that is not known yet.
    """
    connection, contract = landing.connection, landing.contract
    if page.rows.num_rows == 0:
        return
    stage(connection, page)
    keys = {"department": contract.department, "batch_id": landing.batch_id}
    if contract.feed.mode == "events":
        connection.execute(text(_TAKE_FROM_INBOX), keys)
    counts = connection.execute(text(_statement(contract)), {**keys, **_judging(landing)}).one()
    connection.execute(
        text(_COUNT),
        {
            **keys,
            "pulled": page.rows.num_rows,
            "landed": counts.landed,
            "known": counts.known,
            "watermark": watermark,
            "columns": list(page.columns),
        },
    )
    if watermark is not None:
        move(connection, contract, watermark)
    connection.commit()
    landing.swept.pulled += page.rows.num_rows
    landing.swept.keyless += page.rows.column("source_record_id").null_count


def land_returned(landing: Landing) -> None:
    """Land the rows of a pull of everything that landed once before, and that none of their key followed."""
    landing.connection.execute(text(_LAND_RETURNED), {"department": landing.contract.department, "batch_id": landing.batch_id})
    landing.connection.commit()


def _statement(contract: Contract) -> str:
    """`_LAND` for a department."""
    nested = "".join(f" #- cast(:{name} AS text[])" for name in _within(contract))
    return _LAND.replace("{nested}", nested).replace("{event_turn}", _EVENT_TURN if contract.feed.mode == "events" else "1")


def _judging(landing: Landing) -> dict[str, object]:
    contract = landing.contract
    return {
        "volatile": list(contract.volatile),
        **_within(contract),
        "is_snapshot": landing.is_snapshot,
        "is_sweep": landing.is_sweep,
        "is_ordered": is_ordered(contract),
        "may_repeat": contract.feed.mode == "cursor",
        "looks_back": landing.looks_back,
        "twice": "同一快照中主键重复 · the key stands twice in one snapshot",
        "ahead": furthest(),  # a slip of one event would leave all that follow it behind
    }


def _within(contract: Contract) -> dict[str, list[str]]:
    """Paths of volatile values within objects: meta.exported_at."""
    return {f"volatile_{place}": name.split(".") for place, name in enumerate(contract.volatile) if "." in name}
