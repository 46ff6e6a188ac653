"""Methods that change or tell what exchanges and queues there are; each gives the reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pamqp import commands
from pamqp.base import Frame

from simulation.servers.rabbitmq.broker import Broker
from simulation.servers.rabbitmq.exchanges import Binding
from simulation.servers.rabbitmq.queues import Declaration
from simulation.servers.rabbitmq.refusals import not_simulated

#: What a method does for a connection.
Change = Callable[[Broker, object, Any], Frame]


def _declare_exchange(broker: Broker, _: object, command: commands.Exchange.Declare) -> Frame:
    if command.passive or command.auto_delete or command.internal:
        raise not_simulated("an exchange that is passive, auto-delete or internal")
    broker.declare_exchange(
        command.exchange,
        command.exchange_type,
        durable=command.durable,
        arguments=dict(command.arguments or {}),
    )
    return commands.Exchange.DeclareOk()


def _delete_exchange(broker: Broker, _: object, command: commands.Exchange.Delete) -> Frame:
    if command.if_unused:
        raise not_simulated("if_unused")
    broker.delete_exchange(command.exchange)
    return commands.Exchange.DeleteOk()


def _bind_exchange(broker: Broker, _: object, command: commands.Exchange.Bind) -> Frame:
    broker.bind(command.source, _to_exchange(command))
    return commands.Exchange.BindOk()


def _unbind_exchange(broker: Broker, _: object, command: commands.Exchange.Unbind) -> Frame:
    broker.unbind(command.source, _to_exchange(command))
    return commands.Exchange.UnbindOk()


def _to_exchange(command: commands.Exchange.Bind | commands.Exchange.Unbind) -> Binding:
    if command.arguments:
        raise not_simulated("a binding with arguments")
    return Binding(to_queue=False, destination=command.destination, key=command.routing_key)


def _declare_queue(broker: Broker, connection: object, command: commands.Queue.Declare) -> Frame:
    if command.passive:
        queue = broker.queue(command.queue, connection)
    else:
        declaration = Declaration(
            command.durable,
            command.auto_delete,
            connection if command.exclusive else None,
            dict(command.arguments or {}),
        )
        queue = broker.declare_queue(command.queue, declaration)
    return commands.Queue.DeclareOk(queue.name, queue.ready, len(queue.consumers))


def _delete_queue(broker: Broker, connection: object, command: commands.Queue.Delete) -> Frame:
    if command.if_unused or command.if_empty:
        raise not_simulated("if_unused, if_empty")
    if command.queue not in broker.queues:
        return commands.Queue.DeleteOk(0)
    queue = broker.queue(command.queue, connection)
    return commands.Queue.DeleteOk(broker.delete_queue(queue.name))


def _bind_queue(broker: Broker, connection: object, command: commands.Queue.Bind) -> Frame:
    if command.arguments:
        raise not_simulated("a binding with arguments")
    broker.exchange(command.exchange)
    queue = broker.queue(command.queue, connection)
    broker.bind(command.exchange, Binding(True, queue.name, command.routing_key))
    return commands.Queue.BindOk()


METHODS: Mapping[str, Change] = {
    "Exchange.Declare": _declare_exchange,
    "Exchange.Delete": _delete_exchange,
    "Exchange.Bind": _bind_exchange,
    "Exchange.Unbind": _unbind_exchange,
    "Queue.Declare": _declare_queue,
    "Queue.Delete": _delete_queue,
    "Queue.Bind": _bind_queue,
}
