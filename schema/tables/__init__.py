"""The store's tables, as SQLAlchemy Core: schemas landing, quarantine, store, ops, audit; one module a part.

Historic rows carry `[known_from, known_to)` in change numbers: null `known_from` means not yet published by resolve, null
`known_to` means current. A tuple (record_id, version) is one accepted version of one source record.
"""

from __future__ import annotations

from schema.tables.audit import access, seal, unsealed
from schema.tables.base import BATCH_STATES, PARTITIONS, RECORD_STATES, SCHEMAS, metadata
from schema.tables.callers import api_key
from schema.tables.encryption import encryption_key
from schema.tables.entities import (
    case_event,
    case_member,
    change,
    golden_record,
    link,
    organisation,
    organisation_member,
    own_case,
    person,
    person_member,
    redirect,
    review_task,
    unified_case,
)
from schema.tables.landing import landing_record, quarantine_item
from schema.tables.lookups import lookup, lookup_row
from schema.tables.names import name_form
from schema.tables.ops import batch, change_counter, contract, decision, inbox, link_sample, model, pending, source, validation_result
from schema.tables.policy import policy, row_scope
from schema.tables.records import (
    case_key,
    case_key_list,
    organisation_key,
    organisation_key_list,
    party,
    party_id_sequence,
    person_key,
    person_key_list,
    record_id_sequence,
    source_record,
)
from schema.tables.reports import access_request, access_request_record, report, report_note
from schema.tables.watches import watch, watch_delivery, watch_event

__all__ = [
    "BATCH_STATES",
    "PARTITIONS",
    "RECORD_STATES",
    "SCHEMAS",
    "access",
    "access_request",
    "access_request_record",
    "api_key",
    "batch",
    "case_event",
    "case_key",
    "case_key_list",
    "case_member",
    "change",
    "change_counter",
    "contract",
    "decision",
    "encryption_key",
    "golden_record",
    "inbox",
    "landing_record",
    "link",
    "link_sample",
    "lookup",
    "lookup_row",
    "metadata",
    "model",
    "name_form",
    "organisation",
    "organisation_key",
    "organisation_key_list",
    "organisation_member",
    "own_case",
    "party",
    "party_id_sequence",
    "pending",
    "person",
    "person_key",
    "person_key_list",
    "person_member",
    "policy",
    "quarantine_item",
    "record_id_sequence",
    "redirect",
    "report",
    "report_note",
    "review_task",
    "row_scope",
    "seal",
    "source",
    "source_record",
    "unified_case",
    "unsealed",
    "validation_result",
    "watch",
    "watch_delivery",
    "watch_event",
]
