"""Urban management: the Open311 GeoReport v2 endpoint, with the usual paging extension (`page`, `page_size`)."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from simulator.systems.http import Faults, Request, Response, as_json, joined
from simulator.systems.rows import Rows, epoch_seconds

MAX_PAGE_ROWS = 1000
JURISDICTION = "guangming.sz"


class Open311Api:
    """`services.json` and `requests.json`; reading needs no key, as GeoReport v2 has it. A page fails once."""

    def __init__(self, rows: Rows, services: Sequence[dict[str, str]]) -> None:
        self.faults = Faults("page 500")
        self._rows = rows
        common = {"metadata": False, "type": "batch", "keywords": "", "group": "城市管理"}
        self._services = orjson.dumps([{**service, **common} for service in services])

    def connection(self, url: str) -> dict[str, str]:
        """Address alone."""
        return {"url": url}

    def __call__(self, request: Request) -> Response:
        """Answer in JSON; errors are the array of GeoReport v2."""
        if request.query.get("jurisdiction_id", JURISDICTION) != JURISDICTION:
            return _error(404, "jurisdiction_id 不存在")
        if request.path == "/open311/v2/services.json":
            return Response(body=self._services)
        if request.path == "/open311/v2/requests.json":
            return self._page(request)
        return _error(404, "没有这个资源")

    def _page(self, request: Request) -> Response:
        if self.faults.strikes("page 500"):
            return _error(500, "服务暂不可用")
        try:
            since = epoch_seconds(request.query.get("updated_after"))
            page = int(request.query.get("page", "1"))
            size = min(int(request.query.get("page_size", "50")), MAX_PAGE_ROWS)
        except ValueError:
            return _error(400, "参数有误")
        return Response(body=joined(self._rows.page(self._rows.start_of(since) + (page - 1) * size, size)))


def _error(status: int, description: str) -> Response:
    return as_json([{"code": status, "description": description}], status)
