"""The server: what it has stored, who is connected, and when what was written is on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any

from dovetail import clock
from simulation.servers.base import FakeServer
from simulation.servers.redis import plain_commands, stream_commands
from simulation.servers.redis.connection import Connection
from simulation.servers.redis.keyspace import Keyspace, Undo
from simulation.servers.redis.pubsub import PubSub
from simulation.servers.redis.replies import OK, RedisError, Simple, not_simulated
from simulation.servers.redis.scripting import Scripts

VERSION = b"7.4.0"
#: What is sent instead of a reply: nothing, or something else was.
_SILENCE = object()
_COMMANDS = plain_commands.COMMANDS | stream_commands.COMMANDS


class FakeRedis(FakeServer):
    """With an append-only file that is synced before anything is answered, as `appendfsync always` has it.

    While it syncs it does nothing else. A crash in the middle of it loses some of the last commands that
    nobody was told of, the newest first, or none.
    """

    def __init__(self, random: Random | None = None) -> None:
        super().__init__(random)
        self._databases: dict[int, Keyspace] = {}
        self._connections: dict[Connection, None] = {}
        #: Those whose turn comes when the disk has done its work, and those to whom something is to be sent.
        self._arrived: dict[Connection, None] = {}
        self._outgoing: dict[Connection, None] = {}
        self._blocked: dict[Connection, None] = {}
        #: What was changed and is not on the disk yet.
        self._written: list[tuple[Keyspace, Undo]] = []
        self._sync: asyncio.TimerHandle | None = None
        self._turn: asyncio.Handle | None = None
        self._start()

    def _start(self) -> None:
        """What lives in memory only."""
        self._ids = count(1)
        self._pubsub = PubSub()
        self._scripts = Scripts()

    # As FakeServer

    def accept(self) -> asyncio.Protocol:
        """As FakeServer.accept."""
        return Connection(self, next(self._ids))

    def url(self, host: str, port: int) -> str:
        """As FakeServer.url."""
        return f"redis://{host}:{port}"

    def crash(self) -> None:
        """As FakeServer.crash."""
        lost = self.random.randint(0, len(self._written))
        for _ in range(lost):
            database, undo = self._written.pop()
            database.roll_back(undo)
        self.close()
        self._start()

    def close(self) -> None:
        """As FakeServer.close."""
        for handle in (self._sync, self._turn):
            if handle is not None:
                handle.cancel()
        self._sync = self._turn = None
        self._written.clear()
        for connection in list(self._connections):
            connection.abort()

    # What connections tell

    def connected(self, connection: Connection) -> None:
        """One more."""
        self._connections[connection] = None

    def disconnected(self, connection: Connection) -> None:
        """One less."""
        for place in (self._connections, self._arrived, self._outgoing, self._blocked):
            place.pop(connection, None)
        self._pubsub.forget(connection)

    def arrived(self, connection: Connection) -> None:
        """It has commands."""
        if self._sync is None:
            connection.work()
        else:
            self._arrived[connection] = None

    def unblocked(self, connection: Connection) -> None:
        """It has been waiting with commands behind the one that waited."""
        self._blocked.pop(connection, None)
        self._arrived[connection] = None
        self._soon()

    def has_output(self, connection: Connection) -> None:
        """Something is to be sent."""
        self._outgoing[connection] = None
        self._soon()

    # The disk

    def _soon(self) -> None:
        if self._turn is None and self._sync is None:
            self._turn = asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._turn = None
        seconds = self.random.uniform(*self.disk_seconds) if self._written else 0.0
        if seconds:
            self._sync = asyncio.get_running_loop().call_later(seconds, self._synced)
        else:
            self._synced()

    def _synced(self) -> None:
        self._sync = None
        self._written.clear()
        outgoing, self._outgoing = self._outgoing, {}
        for connection in reversed(outgoing):  # as Redis has it: whoever published is told first
            connection.flush()
        arrived, self._arrived = self._arrived, {}
        for connection in arrived:
            connection.work()

    # Commands

    def carry_out(self, connection: Connection, command: tuple[bytes, ...]) -> None:
        """One command of a client, and what others have waited for."""
        database = self._database(connection.database)
        database.undo = {} if self.disk_seconds[1] else None
        try:
            reply = self._reply(connection, database, command)
        except RedisError as error:
            reply = error
        if reply is not _SILENCE:
            connection.send(reply)
        self._serve_blocked(database)
        if database.undo:
            self._written.append((database, database.undo))
        database.undo = None

    def _database(self, number: int) -> Keyspace:
        return self._databases.setdefault(number, Keyspace())

    def _reply(self, connection: Connection, database: Keyspace, command: Sequence[bytes]) -> Any:
        name, *words = command
        name = name.upper()
        match name:
            case b"EVAL" | b"EVALSHA":
                return self._script(database, name, *words)
            case b"XREADGROUP":
                return self._read(connection, database, tuple(words))
            case b"HELLO":
                return self._hello(connection)
            case b"SELECT":
                connection.database = int(words[0])
                return OK
            case b"CLIENT" if words[0].upper() == b"UNBLOCK":
                return self._unblock(int(words[1]))
            case _ if name.endswith(b"SUBSCRIBE"):
                self._pubsub.subscribe(connection, name, tuple(words))
                return _SILENCE
        return self._run(database, command)

    def _run(self, database: Keyspace, command: Sequence[bytes]) -> Any:
        """What scripts can call as well."""
        name, *words = command
        match name.upper():
            case b"TIME":
                seconds, rest = divmod(clock.time_ns() // 1000, 1_000_000)
                return [b"%d" % seconds, b"%d" % rest]
            case b"PUBLISH":
                return self._pubsub.publish(*words)
            case b"SPUBLISH":
                return self._pubsub.publish_sharded(*words)
            case b"SRANDMEMBER":
                members = plain_commands.smembers(database, *words)
                return self.random.choice(members) if members else None
            case b"PING":
                return Simple(b"PONG")
            case b"INFO":
                return b"used_memory:1000000\r\nmaxmemory:0\r\naof_enabled:1\r\n"
            case b"CONFIG" if words == [b"GET", b"appendfsync"]:
                return {b"appendfsync": b"always"}
        if (function := _COMMANDS.get(name.upper())) is None:
            raise not_simulated(b" ".join(command[:2]).decode(errors="replace"))
        try:
            return function(database, *words)
        except TypeError as error:
            raise RedisError(f"ERR wrong number of arguments: {error}") from error

    def _script(self, database: Keyspace, name: bytes, script: bytes, *words: bytes) -> Any:
        keys = int(words[0])
        sha = self._scripts.learn(script) if name == b"EVAL" else script
        return self._scripts.run(
            sha,
            words[1 : 1 + keys],
            words[1 + keys :],
            lambda command: self._run(database, command),
        )

    def _hello(self, connection: Connection) -> dict[bytes, Any]:
        return {
            b"server": b"redis",
            b"version": VERSION,
            b"proto": 3,
            b"id": connection.id,
            b"mode": b"standalone",
            b"role": b"master",
            b"modules": [],
        }

    # Reads that wait

    def _read(self, connection: Connection, database: Keyspace, words: tuple[bytes, ...]) -> Any:
        found = stream_commands.xreadgroup(database, *words)
        upper = [one.upper() for one in words]
        if found is not None or b"BLOCK" not in upper:
            return found
        self._blocked[connection] = None
        connection.block(words, int(words[upper.index(b"BLOCK") + 1]))
        return _SILENCE

    def _serve_blocked(self, database: Keyspace) -> None:
        """Who waits longest comes first."""
        while database.changed:
            changed, database.changed = database.changed, set()
            for connection in list(self._blocked):
                words = connection.blocked
                if words is None or self._database(connection.database) is not database:
                    continue
                if not changed.intersection(words):
                    continue
                try:
                    found = stream_commands.xreadgroup(database, *words)
                except RedisError as error:
                    connection.unblock(error)
                else:
                    if found is not None:
                        connection.unblock(found)

    def _unblock(self, id: int) -> int:
        for connection in self._blocked:
            if connection.id == id:
                connection.unblock(None)
                return 1
        return 0
