"""Today's OpenAPI document, without a server."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from api.app import create_app


def write_document(path: Path) -> Path:
    """Write it to a file and return that."""
    deps = SimpleNamespace(docs=True, cors_origins=(), trusted_proxies=(), tracer=None)
    path.write_text(json.dumps(create_app(cast("Any", deps)).openapi()))
    return path
