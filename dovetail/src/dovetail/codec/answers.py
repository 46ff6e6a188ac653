"""Answers that tell whoever asked why there is none."""

from __future__ import annotations

import msgspec

from dovetail.codec.envelope import encode
from dovetail.codec.error_text import describe
from dovetail.codec.identifiers import new_id


def failure_answer(
    subject: str, error: Exception, source: str, traceparent: str | None = None
) -> bytes:
    """The bytes that tell whoever asked why there is no answer."""
    return encode(
        msgspec.UNSET,  # null would not be the type that was asked for
        id=new_id(),
        source=source,
        type=f"{subject}.answer",
        traceparent=traceparent,
        failure=describe(error),
    )
