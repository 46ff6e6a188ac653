"""A connection to RabbitMQ, made again whenever it is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pamqp.base import Frame

from dovetail import clock
from dovetail.errors import ConfigurationError, QueueError, QueueFull
from dovetail.network.connection import Connection
from dovetail.network.protocol import ConnectionLost
from dovetail.network.server_address import Host
from dovetail.options import QueueOptions
from dovetail.transports.rabbitmq import limits, lost_streams
from dovetail.transports.rabbitmq.address import Address
from dovetail.transports.rabbitmq.channel import (
    ACCESS_REFUSED,
    PRECONDITION_FAILED,
    Channel,
    ChannelClosed,
)
from dovetail.transports.rabbitmq.handshake import Handshake, NotNow
from dovetail.transports.rabbitmq.topology import QUEUE_COPIES, STREAM_COPIES
from dovetail.transports.rabbitmq.wire import Wire

log = logging.getLogger("dovetail.rabbitmq")

#: What a user must be allowed to configure, write and read, as rabbitmqctl set_permissions takes it.
NEEDED = r"^(dovetail\.|amq\.gen|amq\.default)"

Result = TypeVar("Result")


class NoSuchQueue(QueueError):
    """There is no queue of this name."""


class Client(Connection[Wire]):
    """One connection."""

    def __init__(
        self,
        address: Address,
        options: QueueOptions,
        *,
        quiet: bool = False,
        heartbeat: int = limits.HEARTBEAT_SECONDS,
    ) -> None:
        super().__init__(address.hosts, address.shown, options, log, quiet=quiet)
        self.address = address
        self.version = ""
        #: Called on each new connection, before anyone else uses it.
        self.on_connected: list[Callable[[Wire], Awaitable[None]]] = []
        self._handshake = Handshake(address, options.setting, options.source)
        self._heartbeat = heartbeat
        #: Why the server does not serve us though it is there; empty where it does.
        self._not_served = ""
        #: Since when a queue is said to be down, by the monotonic clock.
        self._down_since: float | None = None

    @property
    def alarm(self) -> str:
        """Why the server takes no messages for now; empty where it does, or is not there."""
        return self._wire.alarm if self._wire is not None and not self._wire.closed else ""

    @property
    def alarm_settings(self) -> str:
        """The settings of the server that have to do with its alarm."""
        settings = {"disk": "disk_free_limit", "memory": "vm_memory_high_watermark"}
        named = [setting for word, setting in settings.items() if word in self.alarm]
        return " and ".join(named or settings.values())

    @asynccontextmanager
    async def channel(self, *, confirms: bool = False) -> AsyncIterator[Channel]:
        """A channel for a while."""
        channel = await Channel.open(await self.ready(), confirms=confirms)
        try:
            yield channel
        finally:
            await channel.close()

    async def run(
        self,
        use: Callable[[Channel], Awaitable[Result]],
        *,
        confirms: bool = False,
        deadline: float | None = None,
    ) -> Result:
        """What `use` gives on a channel of its own, however often the connection is lost until the deadline.

        A time of the event loop. Raises QueueUnavailable then, and what the server's refusal means.
        """
        why = ""
        if deadline is None:
            deadline = asyncio.get_running_loop().time() + limits.COMMAND_SECONDS
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    try:
                        async with self.channel(confirms=confirms) as channel:
                            return await use(channel)
                    except ConnectionLost as error:
                        why = f"the connection was lost ({error})"
                    except ChannelClosed as error:
                        if not error.passes:
                            raise self.refused(error) from error
                        why = str(error)
                    await asyncio.sleep(limits.RETRY_SECONDS)
        except TimeoutError as error:
            raise self.unavailable(why) from error

    async def with_wire(
        self, use: Callable[[Wire], Awaitable[Result]], *, deadline: float | None = None
    ) -> Result:
        """What `use` gives, on channels of its own making; as `run`."""
        return await self.run(lambda channel: use(channel.wire), deadline=deadline)

    async def ask(self, *commands: Frame, deadline: float | None = None) -> list[Any]:
        """The replies to some methods, in one go."""

        async def ask(channel: Channel) -> list[Any]:
            return list(await asyncio.gather(*(channel.ask(one) for one in commands)))

        return await self.run(ask, deadline=deadline)

    def unavailable(self, why: str = "") -> QueueError:
        """What to raise when the time is over."""
        return self.full(self.alarm) if self.alarm else super().unavailable(why or self._not_served)

    def full(self, alarm: str) -> QueueFull:
        """The server has set off an alarm and takes no messages."""
        return QueueFull(
            f"the queue at {self.address.shown} takes no messages ({alarm}); nothing was accepted: make "
            f"room there, or change its {self.alarm_settings}"
        )

    def refused(self, error: ChannelClosed) -> Exception:
        """What it means that the server closed the channel."""
        if error.code == ACCESS_REFUSED:
            return self._wrong(
                f"does not let this user do what is needed: {error.text}; grant it configure, write and "
                f"read on '{NEEDED}'"
            )
        other = error.inequivalent
        if other and other.argument in (STREAM_COPIES, QUEUE_COPIES):
            there = other.current or "1"
            return ConfigurationError(
                f"the queue at {self.address.shown} has the {other.of} with replicas={there}, and not "
                f"replicas={other.declared or 1} as here: set it to {there}, or remove what is there, or "
                "use another vhost",
                setting="replicas",
            )
        if error.code == PRECONDITION_FAILED and "inequivalent" in error.text:
            return self._wrong(
                f"has a queue or exchange of this name with other settings: {error.text}; remove it "
                "there, or use another vhost"
            )
        kind = NoSuchQueue if error.is_missing else QueueError
        return kind(f"the queue at {self.address.shown} refused: {error}")

    def _wrong(self, what: str) -> ConfigurationError:
        setting = self._options.setting
        text = f"the queue at {self.address.shown} ({setting}) {what}"
        return ConfigurationError(text, setting=setting)

    # Connecting

    async def _connect(self, host: Host) -> Wire:
        loop, context = asyncio.get_running_loop(), self.address.tls_context()
        wire: Wire | None = None
        try:
            async with asyncio.timeout(limits.CONNECT_SECONDS):
                _, wire = await loop.create_connection(Wire, *host, ssl=context)
                self.version = await self._handshake.greet(wire, self._heartbeat)
            for callback in self.on_connected:
                async with asyncio.timeout(limits.PREPARE_SECONDS):
                    await callback(wire)
        except BaseException as error:
            if wire is not None:
                wire.abort("")
            if (meaning := self._meaning(error, wire)) is error:
                raise
            raise meaning from error
        self._not_served, self._down_since = "", None
        return wire

    def _meaning(self, error: BaseException, wire: Wire | None) -> BaseException:
        """OSError for what passes by itself, ConfigurationError for what does not."""
        self._not_served = ""
        if isinstance(error, (OSError, ConnectionLost)):
            self._down_since = None
            return self._handshake.failed(error, wire)
        if isinstance(error, ChannelClosed):
            refused = self.refused(error)
            if isinstance(refused, ConfigurationError):
                return refused
            self._not_served = f"{error}{self._advice(error)}"
            return NotNow(self._not_served)
        return NotNow(str(error)) if isinstance(error, QueueError) else error

    def _advice(self, error: ChannelClosed) -> str:
        """What to do beside waiting, once there has been time for the server to come up."""
        now = clock.monotonic()
        if not (advice := lost_streams.advice(error.text, self.version)):
            self._down_since = None
        elif self._down_since is None:
            self._down_since = now
        elif now - self._down_since >= limits.STREAM_DOWN_SECONDS:
            return f"; {advice}"
        return ""
