"""A connection to a NATS server or cluster, made again whenever it is lost: subscriptions and requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from dovetail import clock
from dovetail.network.connection import Connection
from dovetail.network.protocol import ConnectionLost
from dovetail.network.server_address import Host
from dovetail.options import QueueOptions
from dovetail.transports.nats import protocol
from dovetail.transports.nats.address import Address
from dovetail.transports.nats.confirmations import Confirmations
from dovetail.transports.nats.handshake import Handshake, NotNow
from dovetail.transports.nats.limits import CONNECT_SECONDS, FLUSH_SECONDS, PING_SECONDS
from dovetail.transports.nats.permissions import Refusals, refusal_in
from dovetail.transports.nats.protocol import OnMessage, ServerInfo
from dovetail.transports.nats.replies import Replies, Reply
from dovetail.transports.nats.wire import Wire

log = logging.getLogger("dovetail.nats")


@dataclass
class _Subscription:
    subject: bytes
    queue: bytes
    callback: OnMessage


class Client(Connection[Wire]):
    """One connection."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        super().__init__(address.hosts, address.shown, options, log)
        self.move(address)
        #: What the server said of itself, on the present connection or the last one.
        self.info = ServerInfo()
        #: Called when there is a new connection.
        self.on_connected: list[Callable[[], None]] = []
        #: Known once open: an address may be turned into a queue before there is a loop.
        self.loop: asyncio.AbstractEventLoop
        self._subscriptions: dict[bytes, _Subscription] = {}
        self._last_sid = 0
        inbox = b"_INBOX." + clock.token().encode()
        self._replies, self._confirmations = Replies(inbox), Confirmations(inbox + b"p")
        self._expecting = (self._replies, self._confirmations)
        self.refusals = Refusals(*(one.refused for one in self._expecting))
        self.on_lost += [one.lost for one in self._expecting]
        self._sweepers: list[asyncio.Task[None]] = []

    def move(self, address: Address) -> None:
        """As Connection.locate."""
        self.locate(address.hosts, address.shown)
        self.address = address
        self._handshake = Handshake(address, self._options.setting, self._options.source)

    async def open(self) -> None:
        """As Connection.open."""
        self.loop = asyncio.get_running_loop()
        for one in self._expecting:
            self.subscribe(one.inbox + b".*", one.arrived)
        await super().open()
        self._sweepers = [asyncio.create_task(one.sweep()) for one in self._expecting]

    async def close(self) -> None:
        """As Connection.close; nothing comes of what was asked."""
        await super().close()
        for task in self._sweepers:
            task.cancel()
            await asyncio.wait([task])
        for one in self._expecting:
            one.lost()

    @property
    def open_wire(self) -> Wire | None:
        """The wire, where there is one that takes more at this moment."""
        wire = self._wire
        return None if wire is None or wire.closed or wire.blocked or self._closed else wire

    async def ready(self, deadline: float | None = None) -> Wire:
        """The wire, as soon as there is one that takes more; TimeoutError at the deadline."""
        async with asyncio.timeout_at(deadline):
            while (wire := self.open_wire) is None:
                await (await super().ready()).writable()
        return wire

    async def flush(self, timeout: float) -> bool:
        """Whether the server has seen all that was written before, within `timeout` seconds."""
        return self._wire is not None and await self._wire.answers(timeout)

    # Subscribing and publishing

    def subscribe(self, subject: bytes, callback: OnMessage, queue: bytes = b"") -> bytes:
        """Call back for each message, also after the connection was made again; returns its sid."""
        self._last_sid += 1
        sid = b"%d" % self._last_sid
        self._subscriptions[sid] = _Subscription(subject, queue, callback)
        if self._wire is not None and self.connected:
            self._send_subscription(self._wire, sid)
        return sid

    async def unsubscribe(self, sid: bytes) -> None:
        """End it; what the server sent before it knew is still called back for."""
        wire = self._wire
        if self._subscriptions.pop(sid, None) is None or wire is None or wire.closed:
            return
        wire.write(protocol.unsub(sid))
        await wire.answers(FLUSH_SECONDS)
        wire.callbacks.pop(sid, None)

    def forget(self, sid: bytes) -> None:
        """End it without waiting for the server; nothing more is called back for."""
        if self._subscriptions.pop(sid, None) is not None and self._wire is not None:
            self._wire.callbacks.pop(sid, None)
            self.write(protocol.unsub(sid))

    def write(self, data: bytes) -> None:
        """Write protocol text; lost without a word while there is no connection."""
        if self._wire is not None and self.connected:
            self._wire.write(data)

    def store(
        self, wire: Wire, subject: bytes, payload: bytes, headers: bytes, deadline: float
    ) -> asyncio.Future[Reply | None]:
        """Publish to a stream; for what comes of it see Confirmations and Replies.expect."""
        inbox, reply = self._confirmations.expect(subject, deadline)
        if headers:
            wire.write(protocol.hpub(subject, headers, payload, inbox))
        else:
            wire.write(protocol.pub(subject, payload, inbox))
        return reply

    async def request(self, subject: bytes, payload: bytes, deadline: float) -> Reply:
        """The first reply; ConnectionLost if the connection ends before, TimeoutError at the deadline."""
        wire = await self.ready(deadline)
        inbox, coming = self._replies.expect(subject, deadline)
        wire.write(protocol.pub(subject, payload, inbox))
        reply: Reply = await coming
        return reply

    def new_inbox(self) -> bytes:
        """A subject of our own that nobody else has."""
        return self._replies.new_inbox()

    # Connecting

    async def _connect(self, host: Host) -> Wire:
        wire: Wire | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, wire = await self.loop.create_connection(Wire, *host)
                self.info = await self._handshake.greet(wire, host[0])
        except BaseException as error:
            if wire is not None:
                wire.abort("")
            if isinstance(error, (OSError, ConnectionLost)):
                raise self._handshake.failed(error, wire) from error
            raise
        if wire.closed:
            raise NotNow("closed by the server")
        wire.on_complaint = self._complained
        for one in self._expecting:
            one.connected()
        for sid in self._subscriptions:
            self._send_subscription(wire, sid)
        return wire

    async def _take_wire(self, host: Host) -> None:
        await super()._take_wire(host)
        self._tell(self.on_connected)

    async def _watch(self, wire: Wire) -> str:
        """As Connection._watch, also where it just does not answer any more."""
        return await self._watch_by_pings(wire, PING_SECONDS, _ping)

    def _send_subscription(self, wire: Wire, sid: bytes) -> None:
        one = self._subscriptions[sid]
        wire.callbacks[sid] = one.callback
        wire.write(protocol.sub(one.subject, sid, one.queue))

    def _complained(self, error: str) -> None:
        refusal = refusal_in(error, self.address.shown, self._options.setting)
        if refusal is None or not self.refusals.tell(refusal):
            log.error("the queue at %s says: %s", self.address.shown, error)


async def _ping(wire: Wire) -> None:
    if not await wire.answers(PING_SECONDS):
        wire.abort("no answer")
