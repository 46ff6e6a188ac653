"""A fault of RabbitMQ before 3.11.3: killed at the wrong moment, it does not serve a stream ever again.

When it starts, its stream coordinator starts each stream's writer and then enters the stream among the queues
that are served. It writes down that it has begun to. Where the server is killed before this is done, it takes
it for begun after every later start, and never does it: each client is told that the stream's home node is
down, however often the server is restarted. What is stored is untouched. No method of AMQP helps.
"""

from __future__ import annotations

from dovetail.transports.rabbitmq.handshake import numbers_of

MENDED_IN = (3, 11, 3)
_SAID = "is down or inaccessible"

#: For `rabbitmqctl eval`: tells the coordinator of each stream that entering it has failed, as later versions
#: do by themselves, so that it is tried again. Where a stream is served, nothing changes.
EXPRESSION = (
    "[ra:process_command({rabbit_stream_coordinator, node()}, {action_failed, "
    "maps:get(name, amqqueue:get_type_state(Q)), "
    "#{action => updating_mnesia, index => 0, node => node(), epoch => 0}}) "
    "|| Q <- ets:tab2list(rabbit_durable_queue), amqqueue:get_type(Q) =:= rabbit_stream_queue]."
)


def advice(said: str, version: str) -> str:
    """What to do where a server of this version says this; empty where it has nothing to do with it."""
    numbers = numbers_of(version)
    if _SAID not in said or not numbers or numbers >= MENDED_IN:
        return ""
    return (
        f"unless a node of it is down, RabbitMQ {version} was killed while it started the stream, and no "
        f"restart helps: on the server run rabbitmqctl eval '{EXPRESSION}' (nothing is lost), and upgrade "
        f"to {'.'.join(map(str, MENDED_IN))} or later"
    )
