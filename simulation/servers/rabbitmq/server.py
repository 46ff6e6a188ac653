"""The server as a simulation has it."""

from __future__ import annotations

import asyncio
from random import Random

from simulation.servers.base import FakeServer
from simulation.servers.rabbitmq.broker import Broker
from simulation.servers.rabbitmq.connection import Connection
from simulation.servers.rabbitmq.refusals import Refused


class FakeRabbit(FakeServer):
    """As RabbitMQ 3.10 with one node, one user and one virtual host, as far as the transport needs it."""

    def __init__(self, random: Random | None = None) -> None:
        super().__init__(random)
        #: User and password.
        self.login = "guest:guest"
        #: Seconds that a message may be delivered and neither acked nor requeued; then its channel ends.
        self.consumer_timeout = 1800.0
        self.broker = Broker(self)
        self.connections: dict[Connection, None] = {}

    def accept(self) -> asyncio.Protocol:
        return Connection(self)

    def url(self, host: str, port: int) -> str:
        return f"amqp://{self.login}@{host}:{port}"

    def crash(self) -> None:
        self._abort()
        self.broker.recover()

    def shut_down(self) -> None:
        """As by an operator, with a word to every client; the next start is as after a crash."""
        for connection in list(self.connections):
            connection.refuse(
                Refused(320, "broker forced connection closure with reason 'shutdown'")
            )
        self.crash()

    def close(self) -> None:
        self._abort()
        self.broker.close()

    def _abort(self) -> None:
        connections, self.connections = self.connections, {}
        for connection in connections:
            connection.abort()
