"""VERSIONS: which of a record's versions becomes the accepted one: the last to arrive or, where events tell their place, the furthest.

Used by NORMALISE. Enter the mapped rows, in the temporary table `mapped`; those that are left in it are accepted, what they overtake is
superseded.
"""

from __future__ import annotations

from pipeline.batch.event_order import is_below, overtakes, place_of

# A replayed version that is older than the accepted one is superseded, whatever it says.
_ACCEPTED_VERSION = """
SELECT version FROM landing.record l
WHERE l.department = :department AND l.source_record_id = m.source_record_id AND l.state = 'accepted'
ORDER BY version DESC LIMIT 1
"""
DROP_STALE = f"""
WITH stale AS (
    DELETE FROM mapped m USING (
        SELECT source_record_id, version, row_number() OVER (PARTITION BY source_record_id ORDER BY version DESC) AS age
        FROM mapped
    ) r
    WHERE m.source_record_id = r.source_record_id AND m.version = r.version AND (r.age > 1 OR m.version < ({_ACCEPTED_VERSION}))
    RETURNING m.source_record_id, m.version
)
UPDATE landing.record r SET state = 'superseded' FROM stale s
WHERE r.department = :department AND r.source_record_id = s.source_record_id AND r.version = s.version
"""
# Of events that tell their place, the one that lies furthest: none that is below the accepted version, or below a deletion that is
# yet to be taken in.
DROP_LATE = f"""
WITH placed AS (
    SELECT m.source_record_id, m.version, l.source_cursor, {place_of("l")} AS place
    FROM mapped m JOIN landing.record l
      ON l.department = :department AND l.source_record_id = m.source_record_id AND l.version = m.version
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY source_record_id ORDER BY place DESC NULLS LAST, version DESC) AS age FROM placed
), stale AS (
    DELETE FROM mapped m USING ranked r
    WHERE m.source_record_id = r.source_record_id AND m.version = r.version AND (
        r.age > 1 OR EXISTS (
            SELECT FROM landing.record l
            WHERE l.department = :department AND l.source_record_id = m.source_record_id AND (
                l.state = 'accepted' AND {overtakes("l", "r", ordered=True)} OR {is_below("r.place", "l.source_cursor")}
                AND (l.state = 'accepted' OR l.state = 'landed' AND l.operation = 'delete' AND l.batch_id = ANY(:batches)))))
    RETURNING m.source_record_id, m.version
)
UPDATE landing.record r SET state = 'superseded' FROM stale s
WHERE r.department = :department AND r.source_record_id = s.source_record_id AND r.version = s.version
"""
# What was refused or held, and comes in after older events of its record, is numbered after them: the highest version is the current one.
# What is taken in together ascends, too: by the order of arrival, and of batches, one that lies further may be accepted first.
NUMBER_ANEW = f"""
WITH behind AS (
    SELECT DISTINCT source_record_id FROM landing.record r
    WHERE department = :department AND batch_id = ANY(:batches) AND state = 'landed' AND EXISTS (
        SELECT FROM landing.record a WHERE a.department = :department AND a.source_record_id = r.source_record_id
          AND (a.state = 'accepted' OR a.state = 'landed' AND a.batch_id = ANY(:batches))
          AND a.version > r.version AND {overtakes("r", "a", ordered=True)} OFFSET 0)
), placed AS (
    SELECT r.source_record_id, r.version, {place_of("r")} AS place
    FROM behind b JOIN landing.record r ON r.department = :department AND r.source_record_id = b.source_record_id
    WHERE r.state = 'landed' AND r.batch_id = ANY(:batches)
), numbered AS (
    SELECT source_record_id, version, (
               SELECT max(version) FROM landing.record n WHERE n.department = :department AND n.source_record_id = p.source_record_id
           ) + row_number() OVER (PARTITION BY source_record_id ORDER BY place NULLS FIRST, version) AS number
    FROM placed p
), items AS (
    UPDATE quarantine.item i SET version = n.number FROM numbered n
    WHERE i.department = :department AND i.source_record_id = n.source_record_id AND i.version = n.version
)
UPDATE landing.record r SET version = n.number FROM numbered n
WHERE r.department = :department AND r.source_record_id = n.source_record_id AND r.version = n.version
"""
# Looked up record by record: landing, growing all day, has no statistics to make a good plan of a plain join with. How many of which
# batches they were is gathered in the temporary table `overtaken`.
_SUPERSEDE = """
WITH moved AS (
    UPDATE landing.record r SET state = 'superseded' FROM (
        SELECT m.source_record_id, older.version, older.state FROM {accepted} CROSS JOIN LATERAL (
            SELECT l.version, l.state FROM landing.record l
            WHERE l.department = :department AND l.source_record_id = m.source_record_id AND {overtaken}
              AND l.state IN ('accepted', 'quarantined')
            OFFSET 0
        ) older WHERE {known}
    ) o
    WHERE r.department = :department AND r.source_record_id = o.source_record_id AND r.version = o.version
    RETURNING r.batch_id, o.state
)
INSERT INTO overtaken SELECT batch_id, state, count(*) FROM moved GROUP BY batch_id, state
"""
OVERTAKEN = """
CREATE TEMP TABLE IF NOT EXISTS overtaken (batch_id bigint, state text, rows bigint) ON COMMIT DELETE ROWS
"""
# Counts of the batches that those rows came with move with them: recounted, an update of a few records would read all that ever landed.
# Once and last of all: a batch's row stays free while a long batch is mapped.
COUNT_OVERTAKEN = """
UPDATE ops.batch b SET accepted = b.accepted - c.accepted, quarantined = b.quarantined - c.quarantined, superseded = b.superseded + c.rows
FROM (
    SELECT batch_id, sum(rows) AS rows, coalesce(sum(rows) FILTER (WHERE state = 'accepted'), 0) AS accepted,
           coalesce(sum(rows) FILTER (WHERE state = 'quarantined'), 0) AS quarantined
    FROM overtaken GROUP BY batch_id
) c WHERE b.batch_id = c.batch_id AND b.batch_id <> ALL(:batches)
"""
_WITH_PLACES = """mapped CROSS JOIN LATERAL (
            SELECT n.source_record_id, n.version, n.source_cursor FROM landing.record n
            WHERE n.department = :department AND n.source_record_id = mapped.source_record_id AND n.version = mapped.version OFFSET 0
        ) m"""
# By the order of arrival the first version overtakes none; by place it may, where what arrived after it was refused.
_LATER = "m.version > 1"
SUPERSEDE_ARRIVED = _SUPERSEDE.format(accepted="mapped m", overtaken=overtakes("m", "l", ordered=False), known=_LATER)
SUPERSEDE_PLACED = _SUPERSEDE.format(accepted=_WITH_PLACES, overtaken=overtakes("m", "l", ordered=True), known="true")
# Of events that tell their place, a refused one that lies further than what is accepted stays for a person.
_CLOSE_ITEMS = """
UPDATE quarantine.item i SET state = 'superseded', resolved_at = now(), resolved_by = 'a newer version' FROM mapped m
WHERE {known} AND i.department = :department AND i.source_record_id = m.source_record_id AND i.state = 'open' AND EXISTS (
    SELECT FROM landing.record l
    WHERE l.department = :department AND l.source_record_id = i.source_record_id AND l.version = i.version AND l.state = 'superseded'
    OFFSET 0)
"""
CLOSE_ITEMS_ARRIVED = _CLOSE_ITEMS.format(known=_LATER)
CLOSE_ITEMS_PLACED = _CLOSE_ITEMS.format(known="true")
