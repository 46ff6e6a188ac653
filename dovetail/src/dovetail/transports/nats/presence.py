"""What a member says and hears beside its messages: that it runs, and what it has no right to."""

from __future__ import annotations

from collections.abc import Callable

from dovetail.transports.nats import layout
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.rights import NotPermitted


class Presence:
    """Answers who asks for members, and tells `on_refused` where messages cannot come, or cannot be acked.

    `name` is that of the member's stream and consumer.
    """

    def __init__(
        self, client: Client, name: str, inbox: str, on_refused: Callable[[NotPermitted], None]
    ) -> None:
        self._client = client
        self._name = name
        self._inbox = inbox
        self._on_refused = on_refused
        self._sid = client.subscribe(layout.MEMBERS.encode(), self._asked)
        client.refusals.listeners.append(self._heard)

    def end(self) -> None:
        """Not there any more. May be called again."""
        self._client.forget(self._sid)
        if self._heard in self._client.refusals.listeners:
            self._client.refusals.listeners.remove(self._heard)

    def _asked(self, subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        if reply:
            name = self._name.encode()
            self._client.write(b"PUB %s %d\r\n%s\r\n" % (reply, len(name), name))

    def _heard(self, refusal: NotPermitted) -> bool:
        """Whether it concerns this member. That it cannot be counted does no harm."""
        subject = refusal.subject
        if refusal.verb == "subscription" and subject == layout.MEMBERS:
            return True
        next_ones = f"$JS.API.CONSUMER.MSG.NEXT.{self._name}"
        mine = subject in (next_ones, self._inbox) or subject.startswith(f"$JS.ACK.{self._name}.")
        if mine:
            self._on_refused(refusal)
        return mine
