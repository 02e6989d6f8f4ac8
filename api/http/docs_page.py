"""`/docs`: the calls to read and to try, by Swagger UI from its package. Nothing comes from another host."""

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from services.errors import NotFound

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Stopwatch: the API</title>
  <link rel="icon" href="/app/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
  <div id="docs"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null, displayRequestDuration: true,
});
"""
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


def _package() -> Path:
    """Return where the package has Swagger UI's files; the Python of it is not run."""
    found = find_spec("fastapi_swagger")
    if found is None or found.origin is None:
        raise RuntimeError("The package fastapi-swagger is not installed: run `make setup`.")
    return Path(found.origin).parent / "resources"


_FILES = {name: (_package() / name).read_bytes() for name in ("swagger-ui-bundle.js", "swagger-ui.css")} | {
    "start.js": _START.encode()
}


@router.get("/docs")
async def docs() -> Response:
    """The page."""
    return Response(_PAGE, media_type="text/html; charset=utf-8")


@router.get("/docs/{name}")
async def part(name: str) -> Response:
    """A file of the page."""
    if name not in _FILES:
        raise NotFound
    return Response(_FILES[name], media_type=_TYPES[Path(name).suffix])
