"""Describes streams of events for the OpenAPI document, as FastAPI describes its own: by an `itemSchema`.

OpenAPI 3.2 has that word, 3.1 lets it stand; a generator that does not know it still makes the types of what
the events carry, since those are components of the document.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from api.http.bodies import ResponseBody

MEDIA_TYPE = "text/event-stream"
_REF = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class StreamItem:
    """One sort of event: its names, what its data is as JSON, and whether it has an id to come back with."""

    names: Sequence[str]
    data: type[ResponseBody]
    has_id: bool = False


def stream_of(*items: StreamItem) -> dict[int | str, dict[str, Any]]:
    """Return the answer of a call that sends such events, for its route's `responses`."""
    found = [_schema(item) for item in items]
    item_schema = found[0] if len(found) == 1 else {"oneOf": found}
    return {200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}, "itemSchema": item_schema}}}}


def hoist(answer: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Make what a stream's events carry components of the document."""
    items = answer.get("content", {}).get(MEDIA_TYPE, {}).get("itemSchema", {})
    for item in items.get("oneOf", [items] if items else []):
        data = item["properties"]["data"]
        schema = dict(data["contentSchema"])
        if "$ref" in schema:
            continue  # the document was made before, of the same route
        for name, part in {**schema.pop("$defs", {}), schema["title"]: schema}.items():
            schemas.setdefault(name, part)
        data["contentSchema"] = {"$ref": _REF.format(model=schema["title"])}


def _schema(item: StreamItem) -> dict[str, Any]:
    names = list(item.names)
    event = {"const": names[0]} if len(names) == 1 else {"enum": names}
    content = TypeAdapter(item.data).json_schema(ref_template=_REF, mode="serialization")
    properties: dict[str, Any] = {
        "event": {"type": "string", **event},
        "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": content},
    }
    if item.has_id:
        properties["id"] = {"type": "string", "description": "To be sent back as Last-Event-ID, as it is."}
    return {"type": "object", "required": sorted(properties), "properties": properties}
