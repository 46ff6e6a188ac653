"""The operations on items."""

from __future__ import annotations

from todo.api.list_query import DEFAULT_LIMIT, MAX_LIMIT, SORTS, STATUSES
from todo.api.openapi.parts import (
    APPLIED,
    LOCATION,
    RETRY,
    TAG,
    UUID,
    JsonObject,
    empty_response,
    errors,
    guarded,
    json_response,
    parameter,
    problem,
    reference,
)
from todo.api.preconditions import TAGS_PATTERN
from todo.api.prefer_header import MOST_WAIT
from todo.items import MAX_LENGTH

_ID = parameter("id", "path", "Of the item.", UUID)
_PREFER = parameter(
    "Prefer",
    "header",
    f"`wait=10` waits up to ten seconds, at most {MOST_WAIT}, until the database has it (RFC 7240).",
    {"type": "string", "examples": ["wait=10"]},
)
_TAGS = {"type": "string", "pattern": TAGS_PATTERN, "examples": ['"5f3c"']}
_IF_MATCH = parameter(
    "If-Match",
    "header",
    "The ETag that an answer gave; where the item has changed since, nothing is done. It is compared with "
    "what is saved and what waits: of two requests in the same moment both may be accepted, and the later "
    "one counts, as the history tells.",
    _TAGS,
)
_IF_NONE_MATCH = parameter(
    "If-None-Match",
    "header",
    "The ETag that an answer gave: where the item is still the same, 304 says so.",
    _TAGS,
)
_DATABASE_DOWN = {"503": problem("The database cannot be read.", RETRY)}
_NOT_TAKEN = {
    "503": problem("The queue did not take it, or the database cannot be read.", RETRY),
}


def paths() -> JsonObject:
    """By address and method."""
    return {
        "/todo": {"get": _list(), "post": _add()},
        "/todo/{id}": {"get": _get(), "patch": _change(), "delete": _remove()},
        "/todo/{id}/history": {"get": _history()},
    }


def _add() -> JsonObject:
    key = parameter(
        "Idempotency-Key",
        "header",
        "Becomes the item's id: a request may be repeated with the same key and text, and the item is added "
        "once. With another text than the item has, it is refused with 422. That is known from the "
        "database and from what waits to be saved; where they cannot be read, the item is accepted, and a "
        "text that cannot be saved becomes a dead letter of the save-handler. UUIDv7 keeps the list in the "
        "order of adding.",
        UUID,
    )
    return {
        "operationId": "addItem",
        "summary": "Add an item",
        "parameters": [key, _PREFER],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": reference("NewTodo")}},
        },
        "responses": guarded(
            {
                "201": json_response(
                    "The database has it, as was waited for.", "Todo", LOCATION, TAG, APPLIED
                ),
                "202": json_response(
                    "The queue has it; it is saved soon.", "Todo", LOCATION, APPLIED
                ),
                **errors(400, 413, 415, 422, 500),
                "503": problem("The queue did not take it; nothing was accepted.", RETRY),
            }
        ),
    }


def _list() -> JsonObject:
    words = {"type": "string", "maxLength": MAX_LENGTH, "pattern": r"^[^\u0000]*$"}
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    return {
        "operationId": "listItems",
        "summary": "List saved items",
        "description": "What was accepted and is not saved yet is not among them.",
        "parameters": [
            parameter("status", "query", "Which of them.", _choice(STATUSES)),
            parameter(
                "q",
                "query",
                "Each of these words is in the text, the tags or the notes, whatever its case. Where the "
                "search-handler runs, the best come first, unless `sort` is another order than `added`.",
                words,
            ),
            parameter("tag", "query", "One that they have, whatever its case.", reference("Tag")),
            parameter("sort", "query", "Their order; - turns it round.", _choice(SORTS)),
            parameter("limit", "query", "Items at most.", limit),
            parameter(
                "after",
                "query",
                "What `next` gave for the page before, with all else the same.",
                {"type": "string", "minLength": 1},
            ),
        ],
        "responses": guarded(
            {
                "200": json_response("One page of items.", "ItemPage"),
                **errors(422, 500),
                **_DATABASE_DOWN,
            }
        ),
    }


def _get() -> JsonObject:
    return {
        "operationId": "getItem",
        "summary": "Read one item",
        "description": "With all that was accepted for it, saved or not.",
        "parameters": [_ID, _IF_NONE_MATCH],
        "responses": guarded(
            {
                "200": json_response("The item.", "Todo", TAG),
                "304": empty_response("It is still the same.", TAG),
                **errors(400, 404, 500),
                **_DATABASE_DOWN,
            }
        ),
    }


def _change() -> JsonObject:
    key = parameter(
        "Idempotency-Key",
        "header",
        "A request may be repeated with the same key and body, and the change has one effect, also where "
        "others have changed the item since. With another body it is refused with 422.",
        UUID,
    )
    kinds = ("application/merge-patch+json", "application/json")
    content = {kind: {"schema": reference("TodoPatch")} for kind in kinds}
    return {
        "operationId": "changeItem",
        "summary": "Change fields of an item",
        "description": "JSON Merge Patch (RFC 7396). Of two changes of one field the later one counts, "
        "wherever they were accepted.",
        "parameters": [_ID, key, _PREFER, _IF_MATCH],
        "requestBody": {"required": True, "content": content},
        "responses": guarded(
            {
                "200": json_response(
                    "The database has it; or there was nothing to change.", "Todo", TAG, APPLIED
                ),
                "202": json_response(
                    "The queue has it: the item as it will be.", "Todo", LOCATION, TAG, APPLIED
                ),
                **errors(400, 404, 412, 413, 415, 422, 500),
                **_NOT_TAKEN,
            }
        ),
    }


def _remove() -> JsonObject:
    return {
        "operationId": "removeItem",
        "summary": "Remove an item",
        "description": "Its history stays, and people can restore it from there.",
        "parameters": [_ID, _PREFER, _IF_MATCH],
        "responses": guarded(
            {
                "202": json_response("The queue has it: the item as it was.", "Todo", APPLIED),
                "204": empty_response("It is gone from the database, as was waited for.", APPLIED),
                **errors(400, 404, 412, 500),
                **_NOT_TAKEN,
            }
        ),
    }


def _history() -> JsonObject:
    return {
        "operationId": "getHistory",
        "summary": "Read what became of an item",
        "description": "All changes that are saved, oldest first, also of an item that was removed.",
        "parameters": [_ID],
        "responses": guarded(
            {
                "200": json_response("Its changes.", "History"),
                **errors(404, 500),
                **_DATABASE_DOWN,
            }
        ),
    }


def _choice(values: tuple[str, ...]) -> JsonObject:
    return {"type": "string", "enum": list(values), "default": values[0]}
