"""The words that a state or kind may be, once: columns are checked against the tuples, the API's questions and answers are of the types."""

from __future__ import annotations

from typing import Literal, get_args

Relation = Literal["person", "organisation", "case"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)

PartyKind = Literal["person", "organisation"]

ReportState = Literal["open", "taken", "corrected", "refused", "closed"]
REPORT_STATES: tuple[ReportState, ...] = get_args(ReportState)

AccessRequestState = Literal["open", "granted", "refused", "revoked", "withdrawn"]
ACCESS_REQUEST_STATES: tuple[AccessRequestState, ...] = get_args(AccessRequestState)
#: As it is told: a grant whose time is over is stored as granted still.
AccessRequestTold = Literal[AccessRequestState, "ended"]

LookupState = Literal["waiting", "running", "done", "stopped", "failed"]
LOOKUP_STATES: tuple[LookupState, ...] = get_args(LookupState)

Watched = Literal["case", "person", "organisation", "query"]
WATCHED: tuple[Watched, ...] = get_args(Watched)

DeliveryState = Literal["waiting", "delivered", "dead"]
DELIVERY_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)
