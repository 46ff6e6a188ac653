"""Real servers for tests: on free ports, with their own data folders, to be stopped and killed."""

from dovetail.testing.servers.nats import NatsServer
from dovetail.testing.servers.nats_cluster import NatsCluster
from dovetail.testing.servers.postgres import PostgresServer
from dovetail.testing.servers.process import Server, ServerFailed, ServerMissing
from dovetail.testing.servers.promtool import promtool
from dovetail.testing.servers.proxy import Proxy
from dovetail.testing.servers.rabbitmq import RabbitServer
from dovetail.testing.servers.rabbitmq_cluster import RabbitCluster
from dovetail.testing.servers.redis import RedisServer

__all__ = [
    "NatsCluster",
    "NatsServer",
    "PostgresServer",
    "Proxy",
    "RabbitCluster",
    "RabbitServer",
    "RedisServer",
    "Server",
    "ServerFailed",
    "ServerMissing",
    "promtool",
]
