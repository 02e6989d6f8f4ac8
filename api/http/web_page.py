"""`/app`: the phone app. Files as they are in `api/web`, and the charting library from its own package."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from services.errors import NotFound

router = APIRouter(include_in_schema=False)

WEB = Path(__file__).parent.parent / "web"
CHARTS = "lightweight-charts.js"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file of the app, read once: there are some forty, 450 kB in all."""

    content: bytes
    media_type: str
    tag: str

    @classmethod
    def read(cls, path: Path) -> "File":
        content = path.read_bytes()
        return cls(content, _TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _charts() -> Path:
    """Return TradingView's Lightweight Charts as its package brings it; the Python of it is not run."""
    found = find_spec("lightweight_charts")
    if found is None or found.origin is None:
        raise RuntimeError("The package lightweight-charts is not installed: run `make setup`.")
    return Path(found.origin).parent / "js" / CHARTS


_FILES = {
    path.relative_to(WEB).as_posix(): File.read(path)
    for path in sorted(WEB.rglob("*"))
    if path.suffix in _TYPES
} | {CHARTS: File.read(_charts())}


@router.get("/app")
async def shell(request: Request) -> Response:
    """The app's one page; the broker's login page sends the browser back here."""
    return _answer(request, _FILES["index.html"])


@router.get("/")
@router.get("/app/")
async def leads_to_the_app() -> Response:
    """A browser that knows the address alone."""
    return RedirectResponse("/app")


@router.get("/app/{name:path}")
async def part(request: Request, name: str) -> Response:
    """A file of the app."""
    if name not in _FILES:
        raise NotFound
    return _answer(request, _FILES[name])


def _answer(request: Request, file: File) -> Response:
    headers = {"ETag": file.tag}
    if request.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
