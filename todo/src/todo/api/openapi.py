"""The OpenAPI 3.1 description; its schemas come from the types that the code uses."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec

from todo.api import problems, schemas
from todo.api.reading import DEFAULT_LIMIT, MAX_LIMIT
from todo.items import MAX_LENGTH, Item
from todo.monitoring.readiness import Readiness

JsonObject = dict[str, Any]

#: What Python's str.strip removes, for a regular expression.
_SPACE = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SOLID = rf"[^\u0000{_SPACE}]"
#: An item: trimmed it has 1 to MAX_LENGTH characters, and NUL is none of them.
ITEM_PATTERN = rf"^[{_SPACE}]*{_SOLID}([^\u0000]{{0,{MAX_LENGTH - 2}}}{_SOLID})?[{_SPACE}]*$"
_UUID: JsonObject = {"type": "string", "format": "uuid"}
_RETRY: JsonObject = {
    "Retry-After": {
        "description": "Seconds until it is worth trying again.",
        "schema": {"type": "integer"},
    }
}


@cache
def document() -> bytes:
    """The description as JSON."""
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "To-do list",
                "version": version("todo"),
                "description": "Adding an item answers 202 once the queue has it; it is saved "
                "soon after, and can then be read. Errors are problem details (RFC 9457).",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/"}],
            "paths": _paths(),
            "components": {"schemas": _schemas()},
        }
    )


def _schemas() -> JsonObject:
    types = (schemas.NewTodo, schemas.Todo, schemas.ItemPage, Item, problems.Problem, Readiness)
    _, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    components["NewTodo"]["properties"]["item"] |= {
        "pattern": ITEM_PATTERN,
        "description": f"What is to be done. Trimmed, it has 1 to {MAX_LENGTH} characters.",
        "examples": ["Record promo video"],
    }
    for name in ("Item", "Todo"):
        components[name]["properties"]["id"] |= {"format": "uuid"}
    return components


def _paths() -> JsonObject:
    return {
        "/todo": {"post": _add(), "get": _list()},
        "/todo/{id}": {"get": _get()},
        "/": {"get": _plain("index", "What there is", {"type": "object"})},
        "/openapi.json": {"get": _plain("openapi", "This description", {"type": "object"})},
        "/health": {"get": _plain("health", "Whether the process lives", {"type": "object"})},
        "/ready": {"get": _ready()},
        "/metrics": {"get": _metrics()},
    }


def _add() -> JsonObject:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Becomes the item's id: a request may be repeated with the same key, and the "
        "item is added once. UUIDv7 keeps the list in the order of adding.",
        "schema": _UUID,
    }
    accepted = _json_response("The queue has it.", "Todo")
    accepted["headers"] = {
        "Location": {
            "description": "Where the item can be read.",
            "schema": {"type": "string", "format": "uri-reference"},
        }
    }
    return {
        "operationId": "addItem",
        "summary": "Add an item",
        "parameters": [key],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("NewTodo")}},
        },
        "responses": {
            "202": accepted,
            **_problems(400, 413, 415, 422, 500),
            "503": _problem("The queue did not take it; nothing was accepted.", _RETRY),
        },
    }


def _list() -> JsonObject:
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    return {
        "operationId": "listItems",
        "summary": "List saved items, newest last",
        "parameters": [
            {
                "name": "after",
                "in": "query",
                "description": "Only items behind this id.",
                "schema": _UUID,
            },
            {"name": "limit", "in": "query", "description": "Items at most.", "schema": limit},
        ],
        "responses": {
            "200": _json_response("One page of items.", "ItemPage"),
            **_problems(422, 500),
            "503": _problem("The database cannot be read.", _RETRY),
        },
    }


def _get() -> JsonObject:
    return {
        "operationId": "getItem",
        "summary": "Read one item",
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": _UUID}],
        "responses": {
            "200": _json_response("The item.", "Todo"),
            **_problems(404, 500),
            "503": _problem("The database cannot be read.", _RETRY),
        },
    }


def _ready() -> JsonObject:
    unready = _json_response(
        "Something that it needs is unreachable, full or not prepared.", "Readiness"
    )
    return {
        "operationId": "ready",
        "summary": "Whether queue and database can be used",
        "responses": {
            "200": _json_response("Both can be used.", "Readiness"),
            "503": unready | {"headers": _RETRY},
        },
    }


def _metrics() -> JsonObject:
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": "metrics",
        "summary": "Counts for Prometheus",
        "responses": {"200": {"description": "Prometheus text.", "content": text}},
    }


def _plain(operation: str, summary: str, schema: JsonObject) -> JsonObject:
    content = {"application/json": {"schema": schema}}
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {"200": {"description": summary + ".", "content": content}},
    }


def _ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


def _json_response(description: str, schema: str) -> JsonObject:
    return {
        "description": description,
        "content": {"application/json": {"schema": _ref(schema)}},
    }


def _problem(description: str, headers: JsonObject | None = None) -> JsonObject:
    response: JsonObject = {
        "description": description,
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }
    return response | ({"headers": headers} if headers else {})


def _problems(*statuses: int) -> JsonObject:
    return {str(status): _problem(problems.title(status) + ".") for status in statuses}
