"""Redis as a transport: what belongs to it, wired together."""

from __future__ import annotations

import logging

from dovetail.delivery import Claim
from dovetail.errors import Unsupported
from dovetail.options import QueueOptions
from dovetail.transport import Subscription
from dovetail.transports.common.store_room import Room
from dovetail.transports.common.trimming import Trimmer
from dovetail.transports.redis.address import Address
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.dead_letters import DeadLetterStore
from dovetail.transports.redis.groups import Groups
from dovetail.transports.redis.inspection import Inspection
from dovetail.transports.redis.provisioning import Provisioning
from dovetail.transports.redis.publisher import Publisher
from dovetail.transports.redis.pubsub import PubSub
from dovetail.transports.redis.pubsub_connection import PubSubConnection
from dovetail.transports.redis.requests import Requests
from dovetail.transports.redis.server_settings import check_settings
from dovetail.transports.redis.subscription import RedisSubscription
from dovetail.transports.redis.trimming import trim

log = logging.getLogger("dovetail.redis")


class RedisTransport:
    """As dovetail.transport.Transport says."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        if options.replicas > 1:
            raise Unsupported(
                "Redis copies to its replicas what it has accepted already: leave replicas out, and set "
                "min-replicas-to-write on the server",
                setting="replicas",
            )
        self._address = address
        self._options = options
        self._client = client = Client(address, options)
        self._trimmer = Trimmer(lambda full: trim(client, options), log)
        self._provisioning = Provisioning(client)

        room = Room()
        self.publish = Publisher(client, room, options.limit_bytes).publish

        self._pubsub_connection = PubSubConnection(address, options)
        pubsub = PubSub(client, self._pubsub_connection, options.timeout)
        self.broadcast, self.listen = pubsub.broadcast, pubsub.listen

        requests = Requests(client, self._pubsub_connection, options.source)
        self.serve, self.request = requests.serve, requests.request

        dead_letters = DeadLetterStore(client)
        self.dead_letters, self.count_letters = dead_letters.find, dead_letters.count
        self.replay, self.drop = dead_letters.replay, dead_letters.drop

        inspection = Inspection(client, room, options.limit_bytes)
        self.ping, self.status = inspection.ping, inspection.status
        self.waiting, self.members = inspection.waiting, inspection.members

        groups = Groups(client)
        self.group_names, self.rename_group = groups.names, groups.rename
        self.remove_group = groups.remove

    @property
    def connected(self) -> bool:
        return self._client.connected

    async def open(self) -> None:
        await self._client.open()
        try:
            await check_settings(self._client, self._options.setting)
        except BaseException:
            await self._client.close()
            raise

    async def close(self) -> None:
        await self._trimmer.close()
        await self._pubsub_connection.close()
        await self._client.close()

    async def claim(self, claim: Claim) -> Subscription:
        await self._provisioning.provide(claim)
        self._trimmer.start()
        connection = Client(self._address, self._options, quiet=True)
        return RedisSubscription(self._client, connection, claim, self._provisioning)
