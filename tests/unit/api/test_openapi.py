"""The OpenAPI document is whole, and the pages need no other host."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any

import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

import api.routes
from api.app import create_app
from api.departments import Directory
from api.docs import _PAGE
from api.problems import MEDIA_TYPE, PROBLEMS
from hub.database import make_engine
from hub.settings import Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document of an API whose database is never reached."""
    engine = make_engine("postgresql+psycopg2://nobody:nothing@127.0.0.1:1/none")
    app = create_app(Settings(), engine, Directory({}))
    found: dict[str, Any] = app.openapi()
    app.state.hub.close()
    engine.dispose()
    return found


def routes() -> list[APIRoute]:
    modules = (importlib.import_module(f"api.routes.{found.name}") for found in pkgutil.iter_modules(api.routes.__path__))
    return [route for module in modules for route in module.router.routes if isinstance(route, APIRoute)]


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, operation) for path, methods in document["paths"].items() for method, operation in methods.items()]


def test_every_endpoint_is_there(document: dict[str, Any]) -> None:
    assert {(method, path) for path, method, _ in operations(document)} == {
        ("get", "/v1/cases"),
        ("post", "/v1/cases/search"),
        ("post", "/v1/cases/export"),
        ("post", "/v1/match"),
        ("post", "/v1/match/batch"),
        ("get", "/v1/persons/{person_id}"),
        ("get", "/v1/organisations/{organisation_id}"),
        ("get", "/v1/cases/{case_id}"),
        ("post", "/v1/lookups"),
        ("get", "/v1/lookups"),
        ("get", "/v1/lookups/{lookup_id}"),
        ("get", "/v1/lookups/{lookup_id}/result"),
        ("delete", "/v1/lookups/{lookup_id}"),
        ("post", "/v1/reports"),
        ("get", "/v1/reports"),
        ("get", "/v1/reports/{report_id}"),
        ("post", "/v1/reports/{report_id}/notes"),
        ("post", "/v1/access-requests"),
        ("get", "/v1/access-requests"),
        ("get", "/v1/access-requests/{request_id}"),
        ("post", "/v1/access-requests/{request_id}/decision"),
        ("get", "/v1/access-requests/{request_id}/records"),
        ("get", "/v1/sources"),
        ("get", "/v1/quarantine"),
        ("post", "/v1/inbox/{department}"),
        ("get", "/v1/changes"),
        ("get", "/v1/changes/stream"),
        ("get", "/v1/watches"),
        ("post", "/v1/watches"),
        ("get", "/v1/watches/{watch_id}"),
        ("delete", "/v1/watches/{watch_id}"),
        ("get", "/v1/watches/{watch_id}/events"),
        ("get", "/v1/watches/{watch_id}/deliveries"),
        ("post", "/v1/watches/{watch_id}/redeliver"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
    }


def test_every_operation_is_described_in_both_languages_with_its_errors(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        assert " · " in operation["description"], path
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "4"}
        for status, answer in errors.items():
            assert list(answer["content"]) == ["application/problem+json"], (path, status)
        if operation.get("security"):  # who he is is looked up in the store, which may be away, full or slow
            assert {"401", "429", "503", "504"} <= set(errors), path
        if "requestBody" in operation:
            assert {"408", "413", "422"} <= set(errors), path
        for parameter in operation.get("parameters", []):
            assert parameter.get("description") or parameter["in"] == "path", (path, parameter["name"])


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert names <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in names


def test_bodies_have_examples_in_both_languages_that_are_taken(document: dict[str, Any]) -> None:
    models = {route.name: route.dependant.body_params for route in routes() if route.dependant.body_params}
    with_body = {}
    for _, method, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content and operation["operationId"] != "inbox.receive":  # its department's contract says what it takes
            with_body[operation["operationId"]] = content["examples"]
            assert method == "post"
    assert set(with_body) == set(models)
    assert {"reports.create", "reports.note", "access_requests.create", "access_requests.decide", "match.batch"} <= set(with_body)
    for name, examples in with_body.items():
        (body,) = models[name]
        for example in examples.values():
            zh, _, en = example["summary"].partition(" · ")
            assert zh and en, (name, example)
            TypeAdapter(body.field_info.annotation).validate_python(example["value"])
    assert {"phone", "id_number", "words"} <= set(with_body["cases.search"])
    assert document["components"]["schemas"]["ProblemAnswer"]["example"]["status"] == 400


def test_main_answers_have_whole_examples_in_both_languages_that_the_schema_takes(document: dict[str, Any]) -> None:
    models = {route.name: TypeAdapter(route.response_model) for route in routes() if route.response_model is not None}
    shown = {}
    for _, _, operation in operations(document):
        content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
        for example in content.get("examples", {}).values():
            shown.setdefault(operation["operationId"], []).append(example["value"])
            assert all(example["summary"].partition(" · ")), example["summary"]
            taken_by(document, content["schema"], example["value"])
            read = models[operation["operationId"]].validate_python(example["value"])
            assert (
                models[operation["operationId"]].dump_python(read, mode="json", exclude_unset=True) == example["value"]
            )  # and nothing else
    assert set(shown) == {"cases.list", "cases.search", "cases.read", "match.record", "match.batch"}
    fields = {name for value in shown["cases.read"] for name in value}
    assert {"records", "parties", "entities", "timeline", "lineage", "links"} <= fields
    assert any(value["parties"][0]["candidates"] for value in shown["match.record"])


def test_problems_have_examples_that_are_of_their_status(document: dict[str, Any]) -> None:
    shown = set()
    for path, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get(MEDIA_TYPE, {})
            for example in content.get("examples", {}).values():
                taken_by(document, content["schema"], example["value"])
                problem = PROBLEMS[example["value"]["type"].removeprefix("urn:casehub:problem:")]
                assert (problem.title, str(problem.status)) == (example["value"]["title"], status), path
                assert all(" · " in told for told in (example["summary"], example["value"]["detail"], example["value"]["remedy"]))
                shown.add(problem.code)
    assert {"identifier-in-url", "not-authenticated", "access-denied", "request"} <= shown


def taken_by(document: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_the_page_needs_no_other_host() -> None:
    assert not re.search(r"(?:https?:)?//", _PAGE)


def test_its_first_words_say_what_personal_values_want(document: dict[str, Any]) -> None:
    words = document["info"]["description"]
    assert "X-Purpose、X-Case-Reference" in words and "未注明时一律脱敏" in words
