"""The shapes that steps pass on: Arrow schemas for columns, dataclasses where one row is meant.

`RAW_PAGE` leaves EXTRACT and enters LAND. `RECORD` and `PARTY` leave NORMALISE and enter RESOLVE. `PERSON_FORM`,
`ORGANISATION_FORM` and `CASE_FORM` are what matching compares. Times are UTC microseconds; money is CNY; coordinates
are WGS-84 degrees.
"""

from __future__ import annotations

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")

#: Characters of a text that stands in an index, a key above all: PostgreSQL refuses a statement that puts 2,704 bytes into one,
#: and with it whatever came together with the row.
INDEXED_LONGEST = 500

#: One page as a transport hands it over. A row has a payload, or raw bytes and a fault, never neither.
RAW_PAGE = pa.schema(
    [
        pa.field("ordinal", pa.int64(), nullable=False),  # 0-based position in the batch
        pa.field("source_record_id", pa.string()),  # the contract's key, parts joined by "|"; null: the row has none
        pa.field("payload", pa.string()),  # the row as JSON text, under the department's own names
        pa.field("raw", pa.binary()),  # the bytes as received, where they could not be parsed (or JSON cannot hold them)
        pa.field("fault", pa.string()),  # why not, in words free of values
        pa.field("cursor", pa.string()),  # the row's cursor value as text; an event's place among those of its record; null in snapshots
        pa.field("operation", pa.string(), nullable=False),  # "upsert" or "delete"
        pa.field("event_id", pa.string()),  # events feeds alone
        pa.field("inbox_id", pa.int64()),  # the same: where it waited
    ]
)

#: One accepted record version in the hub's words. Code columns hold codes of schema/codes.
RECORD = pa.schema(
    [
        pa.field("department", pa.string(), nullable=False),
        pa.field("source_record_id", pa.string(), nullable=False),
        pa.field("version", pa.int32(), nullable=False),
        pa.field("case_number", pa.string()),  # the number printed on the department's papers
        pa.field("title", pa.string()),
        pa.field("text", pa.string()),  # what the resident says
        pa.field("reply", pa.string()),  # what the department answered
        pa.field("category", pa.string()),
        pa.field("status", pa.string()),
        pa.field("grade", pa.string()),  # red, yellow, green
        pa.field("channel", pa.string()),
        pa.field("occurred_at", TIME),
        pa.field("reported_at", TIME),
        pa.field("found_at", TIME),  # the five firsts: found, accepted, resolved, confirmed, fed back
        pa.field("accepted_at", TIME),
        pa.field("resolved_at", TIME),
        pa.field("confirmed_at", TIME),
        pa.field("fed_back_at", TIME),
        pa.field("ordered_at", TIME),  # community order (发令) and department report-in (报到)
        pa.field("reported_in_at", TIME),
        pa.field("due_at", TIME),
        pa.field("updated_at", TIME),  # as the source states it
        pa.field("people_involved", pa.int32()),
        pa.field("amount", pa.decimal128(18, 2)),  # CNY
        pa.field("address", pa.string()),
        pa.field("street", pa.string()),  # division code, 9 digits
        pa.field("community", pa.string()),  # division code, 12 digits
        pa.field("longitude", pa.float64()),
        pa.field("latitude", pa.float64()),
        pa.field("handling_unit", pa.string()),
        pa.field("confirmation_state", pa.string()),  # judicial confirmation: applied, confirmed, written, delivered
        pa.field("is_anonymous", pa.bool_()),
        pa.field("visibility", pa.string(), nullable=False),  # shared, restricted, sealed
        pa.field("references", pa.list_(pa.struct([("department", pa.string()), ("number", pa.string())]))),
    ]
)

#: One party as mentioned in one record version; `(department, source_record_id, version, ordinal)` is its key.
PARTY = pa.schema(
    [
        pa.field("department", pa.string(), nullable=False),
        pa.field("source_record_id", pa.string(), nullable=False),
        pa.field("version", pa.int32(), nullable=False),
        pa.field("ordinal", pa.int32(), nullable=False),  # 0-based, in the contract's order
        pa.field("role", pa.string(), nullable=False),  # see schema/codes/role.yml
        pa.field("kind", pa.string(), nullable=False),  # person, organisation
        pa.field("name", pa.string()),
        pa.field("id_type", pa.string()),  # resident_id, passport, …; null with a null id_no
        pa.field("id_no", pa.string()),  # upper case, half width; 15 digits stay 15
        pa.field("uscc", pa.string()),
        pa.field("phone", pa.string()),  # E.164 without "+86" where Chinese: 11 digits, or area code + number
        pa.field("address", pa.string()),
        pa.field("gender", pa.string()),  # male, female
        pa.field("birth_date", pa.date32()),
    ]
)

#: What person matching sees: one row a party of kind person. `id` is store.party.party_id (any int64 elsewhere).
PERSON_INPUT = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("record_id", pa.int64(), nullable=False),  # parties of one record are not the same person
        pa.field("department", pa.string()),
        pa.field("role", pa.string()),
        pa.field("name", pa.string()),
        pa.field("id_no", pa.string()),
        pa.field("phone", pa.string()),
        pa.field("address", pa.string()),  # the party's own, else the record's
        pa.field("gender", pa.string()),
        pa.field("birth_date", pa.date32()),
    ]
)

#: What organisation matching sees.
ORGANISATION_INPUT = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("record_id", pa.int64(), nullable=False),
        pa.field("department", pa.string()),
        pa.field("role", pa.string()),
        pa.field("name", pa.string()),
        pa.field("uscc", pa.string()),
        pa.field("phone", pa.string()),
        pa.field("address", pa.string()),
    ]
)

#: What case matching sees: one row a record. Person and organisation ids are those of resolved clusters (int64 stand-ins).
CASE_INPUT = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),  # store.record.record_id
        pa.field("department", pa.string()),
        pa.field("case_number", pa.string()),
        pa.field("title", pa.string()),
        pa.field("text", pa.string()),
        pa.field("category", pa.string()),
        pa.field("occurred_at", TIME),
        pa.field("reported_at", TIME),
        pa.field("amount", pa.float64()),  # CNY
        pa.field("people_involved", pa.int32()),
        pa.field("address", pa.string()),
        pa.field("street", pa.string()),
        pa.field("community", pa.string()),
        pa.field("longitude", pa.float64()),
        pa.field("latitude", pa.float64()),
        pa.field("petitioner_persons", pa.list_(pa.int64())),  # resolved persons on the complaining side
        pa.field("respondent_persons", pa.list_(pa.int64())),
        pa.field("petitioner_organisations", pa.list_(pa.int64())),
        pa.field("respondent_organisations", pa.list_(pa.int64())),
        pa.field("references", pa.list_(pa.struct([("department", pa.string()), ("number", pa.string())]))),
    ]
)

#: A candidate pair; left < right always.
PAIR = pa.schema([pa.field("left", pa.int64(), nullable=False), pa.field("right", pa.int64(), nullable=False)])

#: A compared pair: total weight in bits, what the model says of it, and one small integer per comparison.
EDGE = pa.schema(
    [
        pa.field("left", pa.int64(), nullable=False),
        pa.field("right", pa.int64(), nullable=False),
        pa.field("match_weight", pa.float64(), nullable=False),  # bits, prior included
        pa.field("decision", pa.string(), nullable=False),  # link, review, no_link, cannot_link
        pa.field("levels", pa.string(), nullable=False),  # JSON object: comparison -> level name
    ]
)

#: Which cluster a node is in; `cluster` is the smallest node id in it.
CLUSTER = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("cluster", pa.int64(), nullable=False)])
