"""Pieces that descriptions of operations are made of."""

from __future__ import annotations

from typing import Any

from todo.api import problems

JsonObject = dict[str, Any]

UUID: JsonObject = {"type": "string", "format": "uuid"}
RETRY: JsonObject = {
    "Retry-After": {
        "description": "Seconds until it is worth trying again.",
        "schema": {"type": "integer"},
    }
}
LOCATION: JsonObject = {
    "Location": {
        "description": "Where the item can be read.",
        "schema": {"type": "string", "format": "uri-reference"},
    }
}
TAG: JsonObject = {
    "ETag": {
        "description": "Stands for the item as it is now. It is another one after every change.",
        "schema": {"type": "string"},
    }
}
APPLIED: JsonObject = {
    "Preference-Applied": {
        "description": "Where it was asked for: how long the request waits at most.",
        "schema": {"type": "string"},
    }
}


def parameter(name: str, where: str, description: str, schema: JsonObject) -> JsonObject:
    """One parameter."""
    required = {"required": True} if where == "path" else {}
    return {"name": name, "in": where, **required, "description": description, "schema": schema}


def reference(schema: str) -> JsonObject:
    """To one of the schemas."""
    return {"$ref": f"#/components/schemas/{schema}"}


def json_response(description: str, schema: str, *headers: JsonObject) -> JsonObject:
    """A response with JSON of this schema."""
    content = {"application/json": {"schema": reference(schema)}}
    return _with_headers({"description": description, "content": content}, headers)


def empty_response(description: str, *headers: JsonObject) -> JsonObject:
    """A response without a body."""
    return _with_headers({"description": description}, headers)


def problem(description: str, *headers: JsonObject) -> JsonObject:
    """An error."""
    content = {"application/problem+json": {"schema": reference("Problem")}}
    return _with_headers({"description": description, "content": content}, headers)


def errors(*statuses: int) -> JsonObject:
    """Errors that need no more words than their titles."""
    return {str(status): problem(f"{problems.title(status)}.") for status in statuses}


def guarded(responses: JsonObject) -> JsonObject:
    """These, and those of an installation with a password."""
    return responses | {
        "401": problem("The password is missing or wrong, where TODO_PASSWORD is set."),
        "429": problem("Too many wrong passwords came from there.", RETRY),
    }


def _with_headers(response: JsonObject, headers: tuple[JsonObject, ...]) -> JsonObject:
    found = {name: value for header in headers for name, value in header.items()}
    return response | ({"headers": found} if found else {})
