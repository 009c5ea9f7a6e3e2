"""The pages /docs and their files, served from here alone: a government network has no way to a content network."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_PAGE = """<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>案件汇聚平台 · Case hub API</title>
<link rel="stylesheet" href="docs-ui/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs-ui/swagger-ui-bundle.js"></script>
<script src="docs-files/docs.js"></script>
</body>
</html>
"""
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


def add_docs(app: FastAPI) -> None:
    """Put the interactive documentation of the API's own OpenAPI document under /docs."""
    spec = find_spec("fastapi_offline")  # brings Swagger UI's files (Apache-2.0); none of its code runs
    assert spec is not None and spec.origin is not None  # noqa: S101 - it is one of the pinned requirements
    app.mount("/docs-ui", StaticFiles(directory=Path(spec.origin).parent / "static"), name="docs-ui")
    app.mount("/docs-files", StaticFiles(directory=Path(__file__).parent / "static"), name="docs-files")

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})
