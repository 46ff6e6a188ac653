"""A connection to Redis, made again whenever it is lost; the one place where commands are repeated."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from hiredis import ReplyError

from dovetail.errors import QueueError, QueueFull
from dovetail.network.connection import Connection
from dovetail.network.protocol import ConnectionLost
from dovetail.network.server_address import Host
from dovetail.options import QueueOptions
from dovetail.transports.redis import limits, sentinels
from dovetail.transports.redis.address import Address
from dovetail.transports.redis.handshake import REFUSED, Greeting, Handshake, Moved
from dovetail.transports.redis.protocol import Argument
from dovetail.transports.redis.scripts import script
from dovetail.transports.redis.topology import TAG
from dovetail.transports.redis.wire import OnPush, Wire

log = logging.getLogger("dovetail.redis")

Said = TypeVar("Said")

#: The first word of an error, by what is to be done about it.
_PASSES = {"LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS"}
_ELSEWHERE = {"READONLY", "MOVED", "ASK"}
_NO_ROOM = {"OOM", "MISCONF"}
#: What ends a read that waits on a server that is made a replica. It begins as where the stream is gone.
_DEMOTED = "instance state changed"
#: What Redis 7 says where a script may not do what its user may not.
_MAY_NOT = "The user executing the script can't"


class NoSuchGroup(QueueError):
    """The stream or its group is gone."""


class NoSuchScript(QueueError):
    """The server does not know the script by its hash."""


class Client(Connection[Wire]):
    """One connection."""

    def __init__(
        self,
        address: Address,
        options: QueueOptions,
        *,
        quiet: bool = False,
        on_push: OnPush = lambda message: None,
    ) -> None:
        super().__init__(address.hosts, address.shown, options, log, quiet=quiet)
        self.address = address
        self.server = Greeting("", 0)
        #: When the connection was made that stands, by the clock of the event loop.
        self.connected_at = 0.0
        #: Called with each new connection, before anyone else uses it.
        self.on_connected: list[Callable[[Wire], None]] = []
        self._handshake = Handshake(address, options.setting)
        self._on_push = on_push
        #: As a sentinel named it; None where no sentinels are asked.
        self._master: Host | None = None

    # Commands

    async def ready(self) -> Wire:
        """As Connection.ready, when the wire takes more."""
        while True:
            wire = await super().ready()
            if not wire.blocked:
                return wire
            await wire.writable()

    async def run(
        self, *command: Argument, deadline: float | None = None, repeat: bool = True
    ) -> Any:
        """The reply, however often the command must be sent until the deadline, a time of the event loop.

        Without `repeat` it is sent at most once. Raises QueueFull, ConfigurationError, NoSuchGroup or
        QueueError for what the server refuses, and QueueUnavailable at the deadline.
        """
        why = ""
        if deadline is None:
            deadline = asyncio.get_running_loop().time() + limits.COMMAND_SECONDS
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    wire = await self.ready()
                    try:
                        reply = await wire.call(*command)
                    except ConnectionLost as error:
                        if repeat:
                            continue
                        raise self.unavailable(f"the connection was lost ({error})") from error
                    if not isinstance(reply, ReplyError):
                        return reply
                    why = str(reply)
                    self.raise_final(wire, why)
                    await asyncio.sleep(limits.REPEAT_SECONDS)
        except TimeoutError as error:
            raise self.unavailable(why) from error

    async def script(
        self,
        name: str,
        *arguments: Argument,
        deadline: float | None = None,
        repeat: bool = True,
    ) -> Any:
        """What the script `<name>.lua` gives; as `run`."""
        known, rest = script(name), (1, TAG, *arguments)
        try:
            return await self.run("EVALSHA", known.sha, *rest, deadline=deadline, repeat=repeat)
        except NoSuchScript:  # the server was restarted, or sees it for the first time
            return await self.run("EVAL", known.text, *rest, deadline=deadline, repeat=repeat)

    def raise_final(self, wire: Wire, error: str) -> None:
        """Raise what the error means; return where the command may succeed when it is sent again."""
        code = error.split(" ", 1)[0]
        if code == "NOSCRIPT":
            raise NoSuchScript(error)
        if code in _ELSEWHERE or _DEMOTED in error:
            wire.abort(error)
        elif code in _NO_ROOM:
            raise QueueFull(f"the queue's store has no room ({error}); nothing was accepted")
        elif code in REFUSED or _MAY_NOT in error:
            raise self._handshake.refused(error)
        elif code in ("NOGROUP", "UNBLOCKED"):
            raise NoSuchGroup(error)
        elif code not in _PASSES:
            raise QueueError(f"the queue at {self.address.shown} refused: {error}")

    # Connecting

    async def _connect(self, host: Host) -> Wire:
        if self.address.sentinel:
            host = self._master = await self._named_by(host)
        try:
            wire, self.server = await self._begin(host, self._handshake.greet)
        except Moved as error:
            wire, self.server = await self._begin(error.host, self._handshake.greet)
        self.connected_at = asyncio.get_running_loop().time()
        self._tell(self.on_connected, wire)
        return wire

    async def _named_by(self, sentinel: Host) -> Host:
        assert self.address.sentinel
        ask = partial(self._handshake.master_of, self.address.sentinel)
        wire, master = await self._begin(sentinel, ask)
        wire.abort("")
        return master

    async def _begin(
        self, host: Host, greet: Callable[[Wire], Awaitable[Said]]
    ) -> tuple[Wire, Said]:
        """A wire to that host, and what it said when it was greeted."""
        loop, context = asyncio.get_running_loop(), self.address.tls_context()
        wire: Wire | None = None
        try:
            async with asyncio.timeout(limits.CONNECT_SECONDS):
                _, wire = await loop.create_connection(
                    lambda: Wire(self._on_push), *host, ssl=context
                )
                return wire, await greet(wire)
        except BaseException as error:
            if wire is not None:
                wire.abort("")
            if isinstance(error, (OSError, ConnectionLost)):
                raise self._handshake.failed(error, wire) from error
            raise

    async def _watch(self, wire: Wire) -> str:
        """As Connection._watch, also where it just does not answer any more."""
        return await self._watch_by_pings(wire, limits.PING_SECONDS, self._check)

    async def _check(self, wire: Wire) -> None:
        await _check_master(wire)
        if self._master and not wire.closed:
            hosts, ask = self.address.hosts, self._named_by
            if other := await sentinels.other_master(hosts, self._master, ask):
                wire.abort("the sentinels name another master, {}:{}".format(*other))


async def _check_master(wire: Wire) -> None:
    """End the connection where there is no answer, or it is of a replica, as a master may be made."""
    try:
        async with asyncio.timeout(limits.PING_SECONDS):
            hello = await wire.call("HELLO")
    except TimeoutError:
        wire.abort("no answer")
    except ConnectionLost:
        return
    else:
        if isinstance(hello, dict) and hello[b"role"] != b"master":
            wire.abort("it is a replica now")
