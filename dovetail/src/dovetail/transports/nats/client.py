"""A NATS client that keeps itself connected: subscriptions, requests, and the way back after a loss."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from dovetail import tls
from dovetail.connecting import Connecting, connect_to_any
from dovetail.errors import ConfigurationError
from dovetail.options import QueueOptions
from dovetail.plain import plain_error
from dovetail.server_address import Host
from dovetail.transports.nats.address import Address
from dovetail.transports.nats.rights import NotPermitted, Refusals
from dovetail.transports.nats.wire import OnMessage, ServerInfo, Wire

log = logging.getLogger("dovetail.nats")

GOODBYE_SECONDS = 1.0
CONNECT_SECONDS = 3.0
#: A connection that does not answer a ping for so long is lost, though nobody said so.
PING_SECONDS = 5.0
#: How late a time-out may be noticed.
SWEEP_SECONDS = 0.1

#: How the names of embedded servers begin.
EMBEDDED = "dovetail-"
#: How the answer to a request begins that nobody listens to.
NO_RESPONDERS = b"NATS/1.0 503"

Reply = tuple[bytes | None, bytes]
#: How the server's errors begin that say who we are is wrong, or not valid any more.
_REFUSALS = (
    "authorization violation",
    "authentication expired",
    "authentication revoked",
    "user authentication",
    "account authentication",
)


class ConnectionLost(Exception):
    """The connection ended while an answer was awaited."""


class NotNow(OSError):
    """The server is there, and does not serve us yet."""


@dataclass
class _Subscription:
    subject: bytes
    queue: bytes
    callback: OnMessage


class Client:
    """One connection to a NATS server or cluster, made again whenever it is lost."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        self.address = address
        self.info = ServerInfo()
        self.on_connected: list[Callable[[], None]] = []
        self.on_lost: list[Callable[[], None]] = []
        self._options = options
        #: Known once open: an address may be turned into a queue before there is a loop.
        self.loop: asyncio.AbstractEventLoop
        self._wire: Wire | None = None
        self._subscriptions: dict[bytes, _Subscription] = {}
        self._last_sid = 0
        self._inbox = b"_INBOX." + secrets.token_hex(8).encode()
        self._last_token = 0
        #: What is asked, with the time of the event loop at which we give up, and on which subject.
        self._waiting: dict[bytes, tuple[asyncio.Future[Reply], float, bytes]] = {}
        self.refusals = Refusals(address.shown, options.setting)
        self.refusals.listeners.append(self._may_not)
        #: Why nobody can answer us.
        self._unheard: NotPermitted | None = None
        self._connecting: Connecting
        self._connected = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._sweeper: asyncio.Task[None] | None = None
        #: Set when the present connection is gone.
        self._lost = asyncio.Event()
        self._why = ""

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._connected.is_set()

    async def open(self) -> None:
        """Connect; keeps trying for `options.patience` seconds. Raises as Transport.open does."""
        self.loop = asyncio.get_running_loop()
        self.subscribe(self._inbox + b".*", self._answered)
        self._connecting = Connecting(self._connect_any, self.address.shown, self._options)
        await self._connecting.first()
        self._keeper = asyncio.create_task(self._keep_connected())
        self._sweeper = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """Let the server see what was written, then disconnect."""
        for task in (self._keeper, self._sweeper):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self._wire is not None:
            await self.flush(CONNECT_SECONDS)
            self._wire.close()
        self._connected.clear()
        self._fail_waiting()
        if self._wire is not None:
            try:
                async with asyncio.timeout(GOODBYE_SECONDS):  # TLS takes leave, too
                    await self._lost.wait()
            except TimeoutError:
                self._wire.abort()

    @property
    def open_wire(self) -> Wire | None:
        """The wire, where there is one that takes more at this moment."""
        wire = self._wire
        if wire is None or wire.closed or wire.blocked or not self._connected.is_set():
            return None
        return wire

    async def ready(self, deadline: float | None = None) -> Wire:
        """The wire, as soon as there is one that takes more; TimeoutError at the deadline."""
        async with asyncio.timeout_at(deadline):
            while (wire := self.open_wire) is None:
                await self._connected.wait()
                if self._wire is not None:
                    await self._wire.writable()
        return wire

    async def flush(self, timeout: float) -> bool:
        """Whether the server has seen all that was written before, within `timeout` seconds."""
        if self._wire is None:
            return False
        try:
            async with asyncio.timeout(timeout):
                await self._wire.ping()
        except (TimeoutError, ConnectionResetError):
            return False
        return True

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
        if self._subscriptions.pop(sid, None) is None or self._wire is None or not self.connected:
            return
        wire = self._wire
        wire.write(b"UNSUB %s\r\n" % sid)
        await self.flush(CONNECT_SECONDS)
        wire.callbacks.pop(sid, None)

    def forget(self, sid: bytes) -> None:
        """End it without waiting for the server; nothing more is called back for."""
        if self._subscriptions.pop(sid, None) is not None and self._wire is not None:
            self._wire.callbacks.pop(sid, None)
            self.write(b"UNSUB %s\r\n" % sid)

    def write(self, data: bytes) -> None:
        """Write protocol text; lost without a word while there is no connection."""
        if self._wire is not None and self.connected:
            self._wire.write(data)

    def ask(
        self, wire: Wire, subject: bytes, payload: bytes, headers: bytes, deadline: float
    ) -> asyncio.Future[Reply]:
        """Send a request; the future of its first answer may end in ConnectionLost or TimeoutError."""
        self._last_token += 1
        token = b"%x" % self._last_token
        future: asyncio.Future[Reply] = self.loop.create_future()
        self._waiting[token] = future, deadline, subject
        if self._unheard is not None:
            _fail(future, self._unheard)
        reply = b"%s.%s" % (self._inbox, token)
        if headers:
            size = len(headers)
            wire.write(
                b"HPUB %s %s %d %d\r\n%s%s\r\n"
                % (subject, reply, size, size + len(payload), headers, payload)
            )
        else:
            wire.write(b"PUB %s %s %d\r\n%s\r\n" % (subject, reply, len(payload), payload))
        return future

    async def request(self, subject: bytes, payload: bytes, deadline: float) -> Reply:
        """The first answer; ConnectionLost if the connection ends before, TimeoutError at the deadline."""
        return await self.ask(await self.ready(deadline), subject, payload, b"", deadline)

    def new_inbox(self) -> bytes:
        """A subject of our own that nobody else has."""
        self._last_token += 1
        return b"%s%x.x" % (self._inbox, self._last_token)

    def _answered(
        self, subject: bytes, reply: bytes, headers: bytes | None, payload: bytes
    ) -> None:
        waiting = self._waiting.pop(subject[len(self._inbox) + 1 :], None)
        if waiting is not None and not waiting[0].done():
            waiting[0].set_result((headers, payload))

    # Connecting

    async def _connect_any(self) -> None:
        await connect_to_any(self.address.hosts, self._connect)

    async def _connect(self, host: Host) -> None:
        lost = asyncio.Event()

        def on_lost(error: Exception | None) -> None:
            lost.set()
            if lost is self._lost:  # and not one that never came about
                self._on_lost(error)

        async with asyncio.timeout(CONNECT_SECONDS):
            _, wire = await self.loop.create_connection(lambda: Wire(on_lost), *host)
            try:
                await self._greet(wire, host[0])
            except OSError as error:
                raise self._refused(wire, error) from error
            except BaseException:
                wire.abort()
                raise
        if lost.is_set():
            raise ConnectionResetError("closed by the server")
        wire.on_error = self._server_complained
        self._wire, self._lost, self._unheard = wire, lost, None
        for sid in self._subscriptions:
            self._send_subscription(wire, sid)
        self._connected.set()
        for callback in self.on_connected:
            callback()

    async def _greet(self, wire: Wire, host: str) -> None:
        """Sign in, over TLS where the address or the server wants it."""
        self.info = await wire.info
        if self.address.tls and not self.info.offers_tls:
            raise self._wrong(
                "offers no TLS", "switch it on there, or write nats: for a connection without"
            )
        if self.info.offers_tls and (self.address.tls or self.info.tls_required):
            await wire.start_tls(self.address.tls_context(), host)
        wire.write(b"CONNECT %s\r\n" % msgspec.json.encode(self._introduction()))
        await wire.ping()

    def _introduction(self) -> dict[str, Any]:
        return {
            "verbose": False,
            "pedantic": False,
            "lang": "python-dovetail",
            "version": "1",
            "protocol": 1,
            "headers": True,
            "no_responders": True,
            "name": self._options.source,
            **self.address.sign_in(self.info.nonce or ""),
        }

    def _refused(self, wire: Wire, error: OSError) -> Exception:
        """What it means that the server ended the greeting."""
        wire.abort()
        said = wire.last_error or ""
        if said.lower().startswith(_REFUSALS):
            if self.info.server_name.startswith(EMBEDDED):
                said += "; it asks for the secret of its data folder: use embedded:, followed by that folder"
            return self._wrong("refused the user and password, token or key", said)
        if reason := tls.refusal(error) or tls.refusal(wire.lost_by):
            return self._wrong("cannot be talked to over TLS", reason)
        return NotNow(said) if said else error

    def _wrong(self, what: str, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"the queue at {self.address.shown} ({self._options.setting}) {what}: {why}",
            setting=self._options.setting,
        )

    def _server_complained(self, error: str) -> None:
        if not self.refusals.heard(error):
            log.error("the queue at %s says: %s", self.address.shown, error)

    def _may_not(self, refusal: NotPermitted) -> bool:
        """End what waits for an answer that cannot come."""
        subject = refusal.subject.encode()
        if refusal.verb == "subscription":
            if not subject.startswith(self._inbox):
                return False
            self._unheard = refusal
        ended = [
            future
            for future, _, asked in self._waiting.values()
            if refusal.verb == "subscription" or asked == subject
        ]
        for future in ended:
            _fail(future, refusal)
        return bool(ended)

    def _send_subscription(self, wire: Wire, sid: bytes) -> None:
        subscription = self._subscriptions[sid]
        wire.callbacks[sid] = subscription.callback
        words = [b"SUB", subscription.subject, subscription.queue, sid]
        wire.write(b" ".join(word for word in words if word) + b"\r\n")

    # Staying connected

    def _on_lost(self, error: Exception | None) -> None:
        self._why = plain_error(error) if error else "closed by the server"
        self._connected.clear()
        self._fail_waiting()
        for callback in self.on_lost:
            callback()

    def _fail_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for future, _, _ in waiting.values():
            _fail(future, ConnectionLost())

    async def _sweep(self) -> None:
        """End what nobody answers in time: one timer for all is cheaper than one for each."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self.loop.time()
            late = [token for token, (_, deadline, _) in self._waiting.items() if deadline <= now]
            for token in late:
                _fail(self._waiting.pop(token)[0], TimeoutError())

    async def _keep_connected(self) -> None:
        while True:
            await self._watch()
            log.warning("connection to %s lost: %s; trying again", self.address.shown, self._why)
            lost = time.monotonic()
            await self._connecting.again()
            log.warning(
                "connection to %s regained after %.1f s",
                self.address.shown,
                time.monotonic() - lost,
            )

    async def _watch(self) -> None:
        """Return when the connection is gone, also where it just does not answer any more."""
        while True:
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._lost.wait()
                    return
            except TimeoutError:
                if not await self.flush(PING_SECONDS) and self._wire is not None:
                    self._wire.abort()


def _fail(future: asyncio.Future[Reply], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # whoever asked may have given up
