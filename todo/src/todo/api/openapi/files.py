"""The operations on files."""

from __future__ import annotations

from todo.api.file_endpoints import KINDS
from todo.api.openapi.parts import (
    LOCATION,
    RETRY,
    UUID,
    JsonObject,
    errors,
    guarded,
    json_response,
    parameter,
    problem,
)
from todo.files.export_writer import FORMATS

_KEY = parameter(
    "Idempotency-Key",
    "header",
    "A UUIDv7: the same file sent again with it adds nothing.",
    UUID,
)


def paths() -> JsonObject:
    """By address and method."""
    return {
        "/import": {"post": _begin()},
        "/import/{id}": {"get": _progress()},
        **{f"/export.{name}": {"get": _export(name)} for name in FORMATS},
    }


def _begin() -> JsonObject:
    file: JsonObject = {kind: {"schema": {"type": "string"}} for kind in KINDS}
    file["application/json"] = {"schema": {"type": ["object", "array"]}}
    return {
        "operationId": "importItems",
        "summary": "Import a file",
        "description": "JSON, CSV or Markdown as exported here, or Todoist's CSV; which of them it is shows "
        "in it. Items that are there already, by their ids, stay as they are; those that were removed come "
        "back. Where something in the file is wrong, nothing of it is imported.",
        "parameters": [_KEY],
        "requestBody": {"required": True, "content": file},
        "responses": guarded(
            {
                "202": json_response("The queue has all of it.", "ImportAccepted", LOCATION),
                "422": problem("The file cannot be imported; `errors` has a line for each reason."),
                "503": problem("The queue did not take it, or nobody would import it.", RETRY),
                **errors(400, 413, 415, 500),
            }
        ),
    }


def _progress() -> JsonObject:
    return {
        "operationId": "importProgress",
        "summary": "How far an import is",
        "parameters": [parameter("id", "path", "Of the import.", UUID)],
        "responses": guarded(
            {
                "200": json_response("How far it is.", "ImportProgress"),
                "404": problem("No import can have this id."),
                "503": problem("The database cannot be read.", RETRY),
                **errors(500),
            }
        ),
    }


def _export(name: str) -> JsonObject:
    kind = FORMATS[name].media_type.partition(";")[0]
    schema = {"type": "object"} if name == "json" else {"type": "string"}
    response = {"description": "Every saved item.", "content": {kind: {"schema": schema}}}
    return {
        "operationId": f"export{name.title()}",
        "summary": f"Every saved item as {name.upper() if name != 'md' else 'Markdown'}",
        "responses": guarded(
            {
                "200": response,
                "503": problem("The database cannot be read.", RETRY),
                **errors(500),
            }
        ),
    }
