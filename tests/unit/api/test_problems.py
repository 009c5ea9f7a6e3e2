"""Every error class has a status, a stable type and a title in both languages."""

from __future__ import annotations

import json

import pytest

import hub.errors
from api.problems import CLASSES, PROBLEMS, STATUSES, documented, hub_error_response, problem_of
from hub.errors import AccessDenied, HubError, RequestError, SettingsError, SourceError, StoreError, StoreUnavailable


def every_class() -> list[type[HubError]]:
    return [each for each in vars(hub.errors).values() if isinstance(each, type) and issubclass(each, HubError)]


STATUS = {
    "HubError": 500,
    "SettingsError": 500,
    "ContractError": 500,
    "SourceError": 502,
    "SourceUnavailable": 503,
    "SourceRefused": 502,
    "SourceFormatError": 502,
    "SourceLimitError": 502,
    "SnapshotError": 502,
    "BatchHeld": 409,
    "ConservationError": 500,
    "BusyError": 409,
    "DecryptionError": 500,
    "KeyMissing": 503,
    "StoreError": 500,
    "StoreConflict": 409,
    "StoreUnavailable": 503,
    "EngineError": 500,
    "SchemaError": 503,
    "NotFound": 404,
    "AccessDenied": 403,
    "TooManyRequests": 429,
    "IssuerUnavailable": 503,
    "RequestError": 422,
    "TooBusy": 503,
}


@pytest.mark.parametrize("cls", every_class(), ids=lambda cls: cls.__name__)
def test_every_class_has_its_status(cls: type[HubError]) -> None:
    error = cls("what happened", remedy="what to do")
    answer = hub_error_response(error, "request-1")
    document = json.loads(answer.body)
    assert cls in CLASSES
    assert answer.status_code == document["status"] == STATUS[cls.__name__]
    assert answer.media_type == "application/problem+json"
    assert document["type"].startswith("urn:casehub:problem:")
    assert " · " in document["title"]
    assert document["request_id"] == "request-1"
    assert ("Retry-After" in answer.headers) == (cls.retryable or answer.status_code == 503)


def test_a_class_without_a_line_takes_its_ancestors() -> None:
    class NewSourceError(SourceError):
        """A class that the table does not know yet."""

    assert problem_of(NewSourceError("x")).code == "source"


def test_words_of_the_inside_stay_inside() -> None:
    body = hub_error_response(SettingsError("CASEHUB_X is wrong", remedy="edit /etc/casehub"), "r").body.decode()
    assert "CASEHUB_X" not in body
    assert "/etc" not in body


def test_a_cancelled_statement_is_a_timeout() -> None:
    answer = hub_error_response(StoreError("x", sqlstate="57014"), "r")
    assert (answer.status_code, json.loads(answer.body)["type"]) == (504, "urn:casehub:problem:timeout")


def test_an_error_may_name_its_problem() -> None:
    assert problem_of(RequestError("x", problem="identifier-in-url")).status == 400
    assert problem_of(RequestError("x", problem="no such problem")).status == 422
    challenged = hub_error_response(AccessDenied("x", problem="not-authenticated", challenge="invalid_token"), "r")
    assert challenged.headers["WWW-Authenticate"] == 'Bearer realm="casehub", error="invalid_token"'


def test_retryable_errors_say_when() -> None:
    assert hub_error_response(StoreUnavailable("x"), "r").headers["Retry-After"] == "5"


def test_codes_are_unique_and_statuses_documented() -> None:
    assert {STATUSES[status] for status in STATUSES} <= set(PROBLEMS)
    assert len({problem.zh for problem in PROBLEMS.values()}) == len(PROBLEMS)
    assert list(documented(401, 503)) == [401, 429, 503]
    assert list(documented(401, 413)) == [401, 408, 413, 429]
    assert documented(404)[404]["description"] == PROBLEMS["not-found"].title
