"""WORDS of a policy that name something outside of it: routes, departments, purposes. One that names nothing is a slip of the pen.

Asked of a file that is checked or proposed; a policy in force stays in force whatever departments go.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase

from fastapi import APIRouter

import api.routes
from api.policy.document import NO_DEPARTMENT, Policy, RoleRules
from connectors.document import did_you_mean
from hub.errors import ContractError

ADMIN = "admin"


def require_known_words(policy: Policy, departments: Collection[str]) -> None:
    """Refuse a policy that names what there is not.

    Args:
        policy: as read from its file.
        departments: codes of all that have a contract.

    Raises:
        ContractError: with every such word.
    """
    problems = [*_unknown(policy, departments)]
    if problems:
        raise ContractError(
            f"策略中有不存在的名称 · the policy names what there is not: {problems[0]}",
            remedy="用 `casehub policy check` 列出全部 · `casehub policy check` lists all",
            problems=problems,
        )


def _unknown(policy: Policy, departments: Collection[str]) -> Iterator[str]:
    routes = route_names()
    for role, rules in policy.roles.items():
        yield from _of_role(role, rules, routes, departments)
    for place, example in enumerate(policy.examples):
        for department in (example.caller.partition("/")[0], example.record.department):
            if department and department not in departments:
                yield _told(f"examples[{place}]", department, "不是部门 · is no department", tuple(departments))
        if example.purpose not in (None, "none", *policy.purposes):
            yield _told(f"examples[{place}].purpose", str(example.purpose), "不是查看目的 · is no purpose", (*policy.purposes, "none"))
    if ADMIN not in policy.roles:
        yield f"roles: 没有 {ADMIN} 角色，此后无人能更改策略 · there is no {ADMIN}: nobody could change the policy again"


def _of_role(role: str, rules: RoleRules, routes: tuple[str, ...], departments: Collection[str]) -> Iterator[str]:
    for endpoint in rules.endpoints:
        if not any(fnmatchcase(route, endpoint) for route in routes):
            yield _told(f"roles.{role}.endpoints", endpoint, "不是接口 · names no route", (*routes, *_families(routes)))
    known = (*sorted(departments), "all", NO_DEPARTMENT)
    read = () if isinstance(rules.records.departments, str) else rules.records.departments
    for where, named, among in (("of", rules.of, known), ("records.departments", read, tuple(departments))):
        for department in named:
            if department not in among:
                yield _told(f"roles.{role}.{where}", department, "不是部门 · is no department", among)


def route_names() -> tuple[str, ...]:
    """Names of all routes, which policies give."""
    modules = (importlib.import_module(f"api.routes.{found.name}") for found in pkgutil.iter_modules(api.routes.__path__))
    routers = (module.router for module in modules if isinstance(getattr(module, "router", None), APIRouter))
    return tuple(sorted({str(getattr(route, "name", "")) for router in routers for route in router.routes}))


def _families(routes: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({f"{route.partition('.')[0]}.*" for route in routes if "." in route}))


def _told(where: str, word: str, what: str, among: tuple[str, ...]) -> str:
    hint = did_you_mean(word, among)
    return f"{where}: {word!r} {what}{f' → {hint}' if hint else ''}"
