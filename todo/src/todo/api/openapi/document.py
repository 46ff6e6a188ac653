"""The description as a document; its schemas come from the types that the code uses."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

import msgspec

from todo.api import problems, schemas
from todo.api.openapi import files, items, patterns
from todo.api.openapi.parts import RETRY, JsonObject, guarded, json_response, reference
from todo.fields import MAX_NOTES_LENGTH, MAX_TAG_LENGTH, MAX_TAGS
from todo.items import MAX_LENGTH
from todo.monitoring.readiness import Readiness
from todo.positions import MAX_POSITION_LENGTH

_TYPES = (
    schemas.NewTodo,
    schemas.TodoPatch,
    schemas.Todo,
    schemas.ItemPage,
    schemas.History,
    schemas.ImportAccepted,
    schemas.ImportProgress,
    problems.Problem,
    Readiness,
)
_DESCRIPTION = (
    "A to-do list whose changes are events. What is sent is accepted (202) once the queue has it, and saved "
    "soon after; `Prefer: wait=10` waits for that. A request that is wrong changes nothing, and is answered "
    "by problem details (RFC 9457) that say what to do. So does the server itself refuse requests that do "
    "not come in in time (408), headers that are too large (431), names that are not its own (421), and "
    "connections that are too many (503)."
)


@cache
def document() -> bytes:
    """The description as JSON."""
    return msgspec.json.encode(content())


def content() -> JsonObject:
    """The description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "To-do list",
            "version": version("dovetail-todo"),
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": items.paths() | files.paths() | _others(),
        # Where TODO_PASSWORD is set.
        "security": [{"password": []}, {}],
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "password": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "What TODO_PASSWORD is set to, where it is.",
                }
            },
        },
    }


def _schemas() -> JsonObject:
    _, components = msgspec.json.schema_components(
        _TYPES, ref_template="#/components/schemas/{name}"
    )
    components["Tag"] = {
        "type": "string",
        "description": f"One word of 1 to {MAX_TAG_LENGTH} characters, without commas, and without its #.",
        "pattern": patterns.TAG,
        "examples": ["home"],
    }
    for name in ("NewTodo", "TodoPatch"):
        _restrict(components[name]["properties"])
    for name in ("Todo", "PastChange"):
        for field, schema in components[name]["properties"].items():
            if field.startswith("date") or field == "at":
                _texts(schema)["format"] = "date-time"
    return components


def _restrict(fields: JsonObject) -> None:
    """Say of each field what its value may be."""
    fields["item"] |= {
        "pattern": patterns.ITEM,
        "description": f"What is to be done. Trimmed, it has 1 to {MAX_LENGTH} characters, "
        "and something of it can be seen.",
        "examples": ["Record promo video"],
    }
    fields["due"]["anyOf"] = [
        {"type": "string", "format": "date"},
        {"type": "string", "format": "date-time"},
        {"type": "null"},
    ]
    fields["due"]["examples"] = ["2026-12-03", "2026-12-03T18:30:00+01:00"]
    _texts(fields["tags"], "array").update(items=reference("Tag"), maxItems=MAX_TAGS)
    _texts(fields["notes"]).update(maxLength=MAX_NOTES_LENGTH, pattern=patterns.NOTES)
    _texts(fields["position"]).update(maxLength=MAX_POSITION_LENGTH, pattern=patterns.POSITION)


def _texts(schema: JsonObject, kind: str = "string") -> JsonObject:
    """The part of a schema that is for values of this kind."""
    found: JsonObject = next(
        one for one in (schema, *schema.get("anyOf", ())) if one.get("type") == kind
    )
    return found


def _others() -> JsonObject:
    return {
        "/": {"get": _plain("index", "What there is")},
        "/docs": {"get": _page()},
        "/openapi.json": {"get": _plain("openapi", "This description")},
        "/health": {"get": _plain("health", "Whether the process lives") | {"security": [{}]}},
        "/ready": {"get": _ready()},
        "/metrics": {"get": _metrics()},
    }


def _ready() -> JsonObject:
    return {
        "operationId": "ready",
        "summary": "Whether queue and database can be used",
        "security": [{}],
        "responses": {
            "200": json_response("Both can be used.", "Readiness"),
            "503": json_response(
                "Something that it needs is unreachable, full, damaged or not prepared.",
                "Readiness",
                RETRY,
            ),
        },
    }


def _metrics() -> JsonObject:
    return _plain("metrics", "Counts for Prometheus", "text/plain", {"type": "string"})


def _page() -> JsonObject:
    page = _plain("docs", "This description, for people", "text/html", {"type": "string"})
    return page | {"security": [{}]}


def _plain(
    operation: str,
    summary: str,
    content_type: str = "application/json",
    schema: JsonObject | None = None,
) -> JsonObject:
    content = {content_type: {"schema": schema or {"type": "object"}}}
    response = {"description": f"{summary}.", "content": content}
    return {
        "operationId": operation,
        "summary": summary,
        "responses": guarded({"200": response}),
    }
