"""What NATS does without a store: live messages, to whoever listens now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dovetail.codec.envelope import Received, received
from dovetail.codec.subjects import RESERVED
from dovetail.transports.common.mailbox import Mailbox
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.headers import parse_headers
from dovetail.transports.nats.limits import RECENT_IDS, SUBSCRIBE_SECONDS
from dovetail.transports.nats.permissions import NotPermitted

#: What goes on between the queue and its clients, which `>` and `*` would show as well.
_INTERNAL = ("$", "_INBOX.", f"{RESERVED}.")


async def send(client: Client, message: bytes, deadline: float) -> None:
    """Write it as soon as there is a connection; QueueUnavailable at the deadline."""
    try:
        wire = await client.ready(deadline)
    except TimeoutError as error:
        raise client.unavailable("cannot be reached") from error
    wire.write(message)


@asynccontextmanager
async def listening(
    client: Client, pattern: str, missed: Callable[[], None] | None
) -> AsyncIterator[AsyncIterator[Received]]:
    """As Transport.listen."""
    mailbox: Mailbox[Received] = Mailbox(pattern, missed)
    hidden = _INTERNAL if pattern.startswith(("*", ">")) else ()
    recent: dict[str, None] = {}

    def is_repeated(message_id: str | None) -> bool:
        if message_id is None or message_id in recent:
            return message_id is not None
        recent[message_id] = None
        if len(recent) > RECENT_IDS:
            del recent[next(iter(recent))]
        return False

    def arrived(subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        name = subject.decode(errors="replace")  # other clients may use any bytes
        fields = parse_headers(headers) if headers else {}
        if not name.startswith(hidden) and not is_repeated(fields.get("Nats-Msg-Id")):
            mailbox.put(received(name, payload, fields))

    sid = client.subscribe(pattern.encode(), arrived)
    client.on_lost.append(mailbox.gap)
    try:
        # Only when the server has seen the subscription is it true that nothing is missed from now on.
        await seen_by_server(client, pattern)
        yield aiter(mailbox)
    finally:
        client.on_lost.remove(mailbox.gap)
        client.forget(sid)


async def seen_by_server(client: Client, subject: str) -> None:
    """Return when the server has seen the subscription to this. Raises NotPermitted."""
    refused: list[NotPermitted] = []
    with client.refusals.of(refused.append, subject):
        await client.flush(SUBSCRIBE_SECONDS)
    if refused:
        raise refused[0]
