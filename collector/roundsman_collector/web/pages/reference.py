"""The API's reference as a page: the OpenAPI document, written out by the server. No scripts, nothing from elsewhere.

reference(document) -> what templates/reference.html shows
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from roundsman_collector.api.access import See
from roundsman_collector.web.page import page

METHODS = ("get", "post", "put", "patch", "delete")

router = APIRouter()


@router.get("/api/v1/docs")
def reference_page(request: Request, who: See) -> Response:
    """The API's reference."""
    return page(request, who, "reference.html", reference(request.app.state.api.openapi()))


def reference(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows: addresses by tag, then the shapes of what they answer."""
    addresses = list(_addresses(document))
    return {
        "document": document,
        "root": document["servers"][0]["url"],
        "tags": [
            {"name": tag, "addresses": [one for one in addresses if one["tag"] == tag]}
            for tag in dict.fromkeys(one["tag"] for one in addresses)
        ],
        "shapes": [_shape(name, schema) for name, schema in sorted(document["components"]["schemas"].items())],
    }


def _addresses(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield _address(path, method, item[method])


def _address(path: str, method: str, told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "tag": (told.get("tags") or ["other"])[0],
        "path": path,
        "method": method.upper(),
        "summary": told.get("summary", ""),
        "text": told.get("description", ""),
        "parameters": [
            {
                "name": one["name"],
                "place": one["in"],
                "is_required": one.get("required", False),
                "type": _type(one["schema"]),
                "text": one.get("description") or one["schema"].get("description", ""),
            }
            for one in told.get("parameters", [])
        ],
        "body": _type(_content(told["requestBody"])) if "requestBody" in told else "",
        "answers": [
            {"code": code, "text": one["description"], "type": _type(_content(one))}
            for code, one in told["responses"].items()
        ],
    }


def _content(told: Mapping[str, Any]) -> Mapping[str, Any]:
    schemas: list[Mapping[str, Any]] = [one.get("schema", {}) for one in told.get("content", {}).values()]
    return schemas[0] if schemas else {}


def _shape(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "text": schema.get("description", ""),
        "fields": [
            {"name": field, "type": _type(told), "text": told.get("description", "")}
            for field, told in schema.get("properties", {}).items()
        ],
    }


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words: `list of DeviceShape`, `integer or null`, `integer 1…1000`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return f"one of {', '.join(str(one) for one in schema['enum'])}"
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    kind = str(schema.get("title" if "properties" in schema else "type", ""))
    bounds = [str(schema.get(edge, "")) for edge in ("minimum", "maximum")]
    return f"{kind} {'…'.join(bounds)}" if any(bounds) else kind
