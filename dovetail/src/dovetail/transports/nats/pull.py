"""Asks the server for messages of one consumer, and knows what it has yet to send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dovetail.limits import IN_FLIGHT_BYTES
from dovetail.transports.nats import topology
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.headers import parse_headers
from dovetail.transports.nats.limits import (
    HEARTBEAT_SECONDS,
    MOST_REQUESTS,
    PULL_SECONDS,
    PULL_SILENCE_SECONDS,
)
from dovetail.transports.nats.protocol import OnMessage, pub

#: What the server says of a pull request.
STANDS, NOBODY_THERE, CONFLICT = b"100", b"503", b"409"
#: Within what it says with CONFLICT where a request asks for more than the consumer's limits let it,
_OVER_LIMIT = b"Exceeded MaxRequest"
#: and where the next message is larger than what is left of the bytes that were asked for.
_OVER_BYTES = b"Exceeds MaxBytes"


class PullRequests:
    """`consumer` is that of the stream, as `<stream>.<consumer>`; `arrived` is told of all that comes.

    `config` gives the consumer's settings, as far as they are known.
    """

    def __init__(
        self,
        client: Client,
        consumer: str,
        config: Callable[[], Mapping[str, Any]],
        arrived: OnMessage,
    ) -> None:
        self._client = client
        self._config = config
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{consumer}"
        self._arrived = arrived
        #: Messages that were asked for and have not come.
        self.missing = 0
        self._time = client.loop.time
        #: Whether anything came since `is_silent` was asked last, and when that was; all messages pass here.
        self._came = False
        self._heard = self._time()
        #: Whether the consumer gave something, or said that it has nothing.
        self.served = False
        self._subscribe()

    def ask(self, number: int) -> None:
        """Ask for so many more, or for what some requests may ask for where the consumer limits each."""
        config = self._config()
        most = config.get("max_batch") or number
        number = min(number, MOST_REQUESTS * most)
        self.missing += number
        expires = _within(PULL_SECONDS * topology.SECOND, config.get("max_expires"))
        request = {
            "expires": expires,
            "idle_heartbeat": min(HEARTBEAT_SECONDS * topology.SECOND, expires // 2),
            "max_bytes": self._most_bytes(),
        }
        while number > 0:
            body = msgspec.json.encode({"batch": min(number, most), **request})
            self._client.write(pub(self._subject.encode(), body, self._inbox))
            number -= most

    def came(self) -> None:
        """One of them did."""
        if self.missing:
            self.missing -= 1
        self._came = self.served = True

    def told(self, headers: bytes) -> bytes:
        """The status by which the server ended a pull request, or says that it still stands."""
        status = headers[9:12]
        self._came = True
        if status == STANDS:
            self.served = True
        else:
            ended = int(parse_headers(headers).get("Nats-Pending-Messages", self.missing))
            self.missing = max(0, self.missing - ended)
        return status

    def refused(self, headers: bytes) -> bool:
        """Whether a limit of the consumer is why a request ended, or why nothing can come of it."""
        if _OVER_BYTES in headers:
            left = int(parse_headers(headers).get("Nats-Pending-Bytes", 0))
            return left >= self._most_bytes()  # nothing came of it
        return _OVER_LIMIT in headers

    def is_silent(self) -> bool:
        """Whether nothing is heard of what was asked for, though the server is there. Ask repeatedly."""
        now = self._time()
        if self._came:
            self._came, self._heard = False, now
        silence = now - self._heard
        return bool(self.missing) and silence > PULL_SILENCE_SECONDS and self._client.connected

    def concerns(self, subject: str) -> bool:
        """Whether we cannot do without the right to use this subject."""
        return subject in (self._subject, self._inbox.decode())

    def forget(self) -> None:
        """Earlier requests are gone, as after a loss of the connection."""
        self.missing = 0
        self._heard = self._time()

    def drop(self) -> None:
        """What was asked for is not to arrive here any more: others may have it by now."""
        self._client.forget(self._sid)
        self._subscribe()
        self.forget()

    async def withdraw(self) -> None:
        """Ask for nothing; what the server sent before it knew still arrives."""
        if self.missing:
            self.missing = 0
            former = self._sid
            self._subscribe()
            await self._client.unsubscribe(former)

    async def stop(self) -> None:
        """Return when nothing comes any more; what the server sent before it knew has arrived."""
        await self._client.unsubscribe(self._sid)

    def _most_bytes(self) -> int:
        """Of the messages that one request asks for."""
        wanted = max(IN_FLIGHT_BYTES, 2 * self._client.info.max_payload)
        return _within(wanted, self._config().get("max_bytes"))

    def _subscribe(self) -> None:
        self._inbox = self._client.new_inbox()
        self._sid = self._client.subscribe(self._inbox, self._arrived)


def _within(wanted: int, limit: int | None) -> int:
    return min(wanted, limit) if limit else wanted
