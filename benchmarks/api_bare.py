"""The API without what protects it: `python -m benchmarks.api_bare`, to see what protection costs. For this benchmark alone.

Replaced before the application is made: who asks and what he may do, the login under row security, masking, the audit row. Whatever
is to be replaced must be there, so that a figure never comes of something that was not switched off.
"""

from __future__ import annotations

from typing import Any

import api.app
import api.presenter
import api.serve
import api.state
from api.access import Caller, Clearance, Purpose, Treatment
from api.dependencies import caller_of
from api.policy.store import Policies
from benchmarks.api_process import DEPARTMENT, ROLE
from hub.database import make_engine
from hub.settings import get_settings


class _Through:
    """A middleware that does nothing."""

    def __init__(self, app: Any, **_: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass it on."""
        await self._app(scope, receive, send)


def _replace(module: Any, name: str, value: object) -> None:
    if not hasattr(module, name):
        raise SystemExit(f"{module.__name__} has no {name}: this benchmark does not know any more what to switch off")
    setattr(module, name, value)


def main() -> None:
    """Serve on CASEHUB_API_PORT until SIGTERM."""
    settings = get_settings()
    assert settings.database_url is not None  # noqa: S101 - the benchmark has set it
    engine = make_engine(settings.database_url.get_secret_value())
    rights = Policies(engine).current().rights(DEPARTMENT, ROLE)
    caller = Caller("bench", ROLE, DEPARTMENT, rights, Purpose("handling", "bench"))
    _replace(api.app, "AuditGate", _Through)
    _replace(api.presenter, "treatment", lambda *_: Treatment.CLEAR)
    _replace(api.presenter, "clearance", lambda *_: Clearance.CLEAR)
    _replace(api.state.Hub, "read", _read_as_owner(api.state.Hub.read))
    made = api.app.create_app

    def without(*given: Any, **named: Any) -> Any:
        async def known() -> Caller:
            return caller

        app = made(*given, **named)
        app.dependency_overrides[caller_of] = known
        return app

    _replace(api.serve, "create_app", without)
    api.serve.serve(settings, engine)


def _read_as_owner(read: Any) -> Any:
    return lambda hub, caller=None: read(hub, None)


if __name__ == "__main__":
    main()
