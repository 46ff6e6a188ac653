"""What a server has: exchanges, queues, and where answers go; and how messages find their way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from simulation.servers.base import FakeServer
from simulation.servers.rabbitmq.arguments import (
    check_arguments,
    check_flags,
    inequivalent,
    kind_of,
)
from simulation.servers.rabbitmq.classic import ClassicQueue
from simulation.servers.rabbitmq.exchanges import Binding, Exchange
from simulation.servers.rabbitmq.messages import Message
from simulation.servers.rabbitmq.queues import Confirm, Declaration, Queue
from simulation.servers.rabbitmq.quorum import QuorumQueue
from simulation.servers.rabbitmq.refusals import (
    Refused,
    locked,
    missing,
    not_simulated,
    precondition,
)
from simulation.servers.rabbitmq.streams import Stream

#: The name that channels use for "to the channel that asked", and how the names begin that stand for one.
REPLY_TO = "amq.rabbitmq.reply-to"


class TakesAnswers(Protocol):
    """The channel that asked."""

    def answered(self, message: Message) -> None:
        """An answer, to be sent to it."""


class Broker:
    """One virtual host."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self._exchanges: dict[str, Exchange] = {}
        self.queues: dict[str, Queue] = {}
        #: By the names of their places.
        self.asking: dict[str, TakesAnswers] = {}

    # Exchanges

    def declare_exchange(
        self, name: str, kind: str, *, durable: bool, arguments: dict[str, Any]
    ) -> None:
        """Make it, unless it is there already as it is declared."""
        _check_name("exchange", name)
        wanted = Exchange(name, kind, durable, arguments)
        if (there := self._exchanges.get(name)) is None:
            self._exchanges[name] = wanted
            return
        of = f"exchange '{name}'"
        if kind != there.kind:
            raise inequivalent("type", of, f"'{kind}'", f"'{there.kind}'")
        check_flags(of, {"durable": durable}, {"durable": there.durable})
        check_arguments(of, arguments, there.arguments)

    def delete_exchange(self, name: str) -> None:
        """With its bindings. What is not there is gone."""
        if self._exchanges.pop(name, None) is not None:
            self._unbind_all(to_queue=False, destination=name)

    def exchange(self, name: str) -> Exchange:
        """One that is there. Raises Refused."""
        if not name:
            raise not_simulated("a binding of the default exchange")
        if (found := self._exchanges.get(name)) is None:
            raise missing("exchange", name)
        return found

    def bind(self, source: str, binding: Binding) -> None:
        """Have messages go there from now on. Raises Refused."""
        exchange = self.exchange(source)
        if binding.to_queue and binding.destination not in self.queues:
            raise missing("queue", binding.destination)
        if not binding.to_queue:
            self.exchange(binding.destination)
        exchange.bindings[binding] = None

    def unbind(self, source: str, binding: Binding) -> None:
        """The other way about; what is not there is no error."""
        if exchange := self._exchanges.get(source):
            exchange.bindings.pop(binding, None)

    def _unbind_all(self, *, to_queue: bool, destination: str) -> None:
        for exchange in self._exchanges.values():
            for binding in list(exchange.bindings):
                if (binding.to_queue, binding.destination) == (to_queue, destination):
                    del exchange.bindings[binding]

    # Queues

    def declare_queue(self, name: str, wanted: Declaration) -> Queue:
        """Make it, unless it is there already as it is declared. Raises Refused."""
        if (there := self.queues.get(name)) is not None:
            _check_equivalent(there, wanted)
            return there
        _check_name("queue", name)
        name = name or f"amq.gen-{self._server.random.randbytes(16).hex()}"
        queue = self.queues[name] = self._new(name, wanted)
        queue.on_unused = lambda: self.delete_queue(name)
        return queue

    def _new(self, name: str, wanted: Declaration) -> Queue:
        kind = kind_of(wanted.arguments)
        if kind == "classic":
            return ClassicQueue(name, wanted, self._server)
        for wrong, what in (
            (not wanted.durable, "non-durable"),
            (wanted.owner, "exclusive-owner"),
        ):
            if wrong:
                raise precondition(f"invalid property '{what}' for queue '{name}' in vhost '/'")
        if kind == "stream":
            return Stream(name, wanted, self._server)
        return QuorumQueue(name, wanted, self._server, self._move)

    def queue(self, name: str, connection: object) -> Queue:
        """One that is there, for this connection. Raises Refused."""
        if (found := self.queues.get(name)) is None:
            raise missing("queue", name)
        if found.declaration.owner not in (None, connection):
            raise locked(name)
        return found

    def delete_queue(self, name: str) -> int:
        """With its bindings; gives how many messages waited there."""
        queue = self.queues.pop(name)
        self._unbind_all(to_queue=True, destination=name)
        return queue.delete()

    def leave(self, connection: object) -> None:
        """What a connection had for itself ends with it."""
        for name, queue in list(self.queues.items()):
            if queue.declaration.owner is connection and name in self.queues:
                self.delete_queue(name)

    # Messages

    def route(self, exchange: str, keys: Sequence[str]) -> list[Queue]:
        """The queues that a message goes to, each once. Raises Refused where there is no such exchange."""
        if not exchange:
            return [self.queues[key] for key in dict.fromkeys(keys) if key in self.queues]
        found: dict[str, None] = {}
        to_do = [self.exchange(exchange)]
        seen = {exchange}
        while to_do:
            one = to_do.pop(0)
            bindings = list(one.matching(keys))
            found.update((binding.destination, None) for binding in bindings if binding.to_queue)
            following = [binding.destination for binding in bindings if not binding.to_queue]
            if not bindings and one.alternate is not None:
                following = [one.alternate]
            for name in following:
                if name not in seen and name in self._exchanges:
                    seen.add(name)
                    to_do.append(self._exchanges[name])
        return [self.queues[name] for name in found]

    def _move(self, message: Message, confirm: Confirm) -> bool:
        """Put what expired into another queue."""
        queues = self.route(message.exchange, [message.key])
        if len(queues) > 1:
            raise not_simulated("dead letters that go to several queues")
        for queue in queues:
            queue.publish(message, confirm)
        return bool(queues)

    # The end of the process

    def recover(self) -> None:
        """As it is after the next start."""
        self.asking.clear()
        for queue in self.queues.values():
            queue.crash()
        for name, queue in list(self.queues.items()):
            if not queue.declaration.durable or queue.declaration.owner is not None:
                self.delete_queue(name)
        for queue in self.queues.values():
            queue.recover()
        for name, exchange in list(self._exchanges.items()):
            if not exchange.durable:
                self.delete_exchange(name)

    def close(self) -> None:
        """End the timers."""
        for queue in self.queues.values():
            queue.close()


def _check_name(kind: str, name: str) -> None:
    if name.startswith("amq."):
        raise Refused(403, f"{kind} name '{name}' contains reserved prefix 'amq.*'")


def _check_equivalent(there: Queue, wanted: Declaration) -> None:
    of, current = f"queue '{there.name}'", there.declaration
    if wanted.owner is not current.owner:
        raise locked(there.name)
    check_flags(
        of,
        {"durable": wanted.durable, "auto_delete": wanted.auto_delete},
        {"durable": current.durable, "auto_delete": current.auto_delete},
    )
    check_arguments(of, wanted.arguments, current.arguments)
