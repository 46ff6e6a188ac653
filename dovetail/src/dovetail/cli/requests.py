"""Requests by subject, with any JSON as their data."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from dovetail.codec.envelope import Codec, encode
from dovetail.codec.identifiers import new_id
from dovetail.codec.subjects import check_subject
from dovetail.errors import DecodeError, HandlerFailed
from dovetail.queue import MessageQueue

_codec: Codec[Any] = Codec(Any)


async def ask(
    queue: MessageQueue, subject: str, data: Any, timeout: float
) -> AsyncGenerator[tuple[Any, HandlerFailed | None]]:
    """Answers as they come, each with None or with why it is none.

    What other programs answer without an envelope is text, or bytes where it is none.
    """
    body = encode(data, id=new_id(), source=queue.options.source, type=check_subject(subject))
    async with queue.transport.request(subject, body, timeout) as answers:
        async for answer in answers:
            yield _opened(answer)


def _opened(answer: bytes) -> tuple[Any, HandlerFailed | None]:
    try:
        envelope = _codec.decode(answer)
    except DecodeError:
        try:
            return answer.decode(), None
        except UnicodeDecodeError:
            return answer, None
    if envelope.failure is not None:
        return None, HandlerFailed(envelope.failure)
    return envelope.data, None
