"""The server: who is connected, who hears what, and its JetStream."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

from simulation.servers.base import FakeServer
from simulation.servers.nats.api import ACK, API, Api
from simulation.servers.nats.connection import Connection, Subscription
from simulation.servers.nats.jetstream import JetStream
from simulation.servers.nats.stream import Published
from simulation.servers.nats.subjects import SubjectTree

#: Whose rules these are.
VERSION = "2.15.1"


class FakeNats(FakeServer):
    """One nats-server alone, with JetStream on its disk; no TLS, no users and no limits of an account."""

    def __init__(self, random: Random | None = None, *, max_payload: int = 1024 * 1024) -> None:
        super().__init__(random)
        self.max_payload = max_payload
        self.name = "fake-nats"
        #: In the order in which they came.
        self.connections: dict[Connection, None] = {}
        self.subscriptions: SubjectTree[Subscription] = SubjectTree()
        self._jetstream = JetStream(self, self.name)
        self._api = Api(self, self._jetstream)

    def accept(self) -> asyncio.Protocol:
        return Connection(self)

    def url(self, host: str, port: int) -> str:
        return f"nats://{host}:{port}"

    def crash(self) -> None:
        self._disconnect()
        self._jetstream.crash()

    def close(self) -> None:
        self._disconnect()
        self._jetstream.close()

    def info(self) -> dict[str, Any]:
        """What it says of itself."""
        return {
            "server_id": "FAKE",
            "server_name": self.name,
            "version": VERSION,
            "proto": 1,
            "headers": True,
            "max_payload": self.max_payload,
            "jetstream": True,
            "api_lvl": 5,
        }

    def publish(self, subject: str, reply: str, headers: bytes, payload: bytes) -> bool:
        """Let all hear what a client says, the streams too; gives whether anybody does."""
        heard = self.deliver(subject, subject, reply, headers, payload)
        if subject.startswith(API):
            taken = self._api.asked(subject, reply, payload)
        elif subject.startswith(ACK):
            taken = self._api.settled(subject, reply, payload)
        else:
            taken = self._jetstream.publish(Published(subject, reply, headers, payload))
        return taken or heard

    def deliver(self, to: str, subject: str, reply: str, headers: bytes, payload: bytes) -> bool:
        """Send it to who subscribed to `to`, as a message on `subject`; gives whether there is anybody."""
        found = self.subscriptions.find(to)
        queues: dict[str, list[Subscription]] = {}
        for one in found:
            if one.queue:
                queues.setdefault(one.queue, []).append(one)
            else:
                one.send(subject, reply, headers, payload)
        for members in queues.values():
            self.random.choice(members).send(subject, reply, headers, payload)
        return bool(found)

    def answer(self, reply: str, payload: bytes, headers: bytes = b"") -> None:
        """Answer a request; nothing happens where nobody wants to know."""
        if reply:
            self.deliver(reply, reply, "", headers, payload)

    def answer_json(self, reply: str, answer: dict[str, Any]) -> None:
        """The same in JSON, without spaces: clients look for words in it."""
        self.answer(reply, json.dumps(answer, separators=(",", ":")).encode())

    def is_heard(self, subject: str) -> bool:
        """Whether anybody subscribed to this."""
        return bool(self.subscriptions.find(subject))

    def _disconnect(self) -> None:
        for connection in [*self.connections]:
            connection.abort()
