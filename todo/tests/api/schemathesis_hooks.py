"""For requests that schemathesis makes: what is valid in itself, and refused for what was there before.

A key that was used is another one, an entity tag is any, and a page is the first. Other tests have those.
"""

from __future__ import annotations

import uuid
from typing import Any

import schemathesis
from schemathesis import GenerationMode

from todo.items import is_uuid


@schemathesis.hook
def before_call(context: object, case: Any, kwargs: object) -> None:
    """Change a request on its way."""
    headers, query = case.headers or {}, case.query or {}
    if is_uuid(str(headers.get("Idempotency-Key"))):
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.meta and case.meta.generation.mode is GenerationMode.POSITIVE:
        headers.update({name: "*" for name in ("If-Match", "If-None-Match") if name in headers})
    if isinstance(query.get("after"), str) and query["after"]:
        del query["after"]
