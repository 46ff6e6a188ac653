"""A small RabbitMQ: AMQP 0-9-1, and the rules of its queues and streams, as far as the transport uses them.

`connection`, `channel`, `publishing`, `confirms` and `frames` are the protocol; `broker`, `exchanges`,
`topology` and `arguments` what there is and how messages find their way; `quorum`, `classic` and `streams`
the kinds of queues, over the `log` that is their disk.

Left out: TLS, permissions, several virtual hosts, clusters, alarms, the age of streams, basic.get,
transactions. What the transport does not use is refused by 540, "not simulated".
"""

from simulation.servers.rabbitmq.server import FakeRabbit

__all__ = ["FakeRabbit"]
