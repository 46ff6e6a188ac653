"""Groups as an operator sees them: who runs, what they are called, and their end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pamqp import commands

from dovetail.errors import NobodyListening
from dovetail.members import Members
from dovetail.named import renamed
from dovetail.transports.rabbitmq import members, registry
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.client import Client, NoSuchQueue
from dovetail.transports.rabbitmq.layout import (
    GROUPS,
    HISTORY,
    RELEASED,
    dead_of,
    delay_of,
    exchange,
    exchange_of,
    key_of,
    replayed_of,
)
from dovetail.transports.rabbitmq.live import Live
from dovetail.transports.rabbitmq.members import Question
from dovetail.transports.rabbitmq.registry import Entry


class Groups:
    """Looks at groups, and changes them."""

    def __init__(self, client: Client, live: Live) -> None:
        self._client = client
        self._live = live

    async def members(self) -> Sequence[Members]:
        """As Transport.members."""
        entries = await self._client.with_wire(registry.read)
        try:
            holdings = await members.ask(self._client, self._live, Question())
        except NobodyListening:  # the last of them has just gone
            holdings = []
        answered = Counter(one.queue for one in holdings)
        return [
            Members(
                group=one.group,
                subject=one.subject,
                kind=one.kind,
                running=answered[one.queue] or await self._consumers(one.queue),
            )
            for one in entries.values()
        ]

    async def _consumers(self, queue: str) -> int:
        """How many there are, where no member answered: none is asked while the server is full."""
        try:
            [declared] = await self._client.ask(commands.Queue.Declare(queue=queue, passive=True))
        except NoSuchQueue:
            return 0
        return int(declared.consumer_count)

    async def names(self) -> Mapping[str, str]:
        """As Transport.group_names."""
        return (await self._client.with_wire(registry.read)).names

    async def rename(self, old: str, new: str) -> None:
        """As Transport.rename_group."""
        changes = renamed(await self.names(), old, new)
        fact = Entry("", "", "event", names=tuple(changes.items()))
        await self._client.with_wire(lambda wire: registry.add(wire, fact))

    async def remove(self, group: str, subjects: Sequence[str]) -> None:
        """As Transport.remove_group."""

        async def remove(channel: Channel) -> None:
            for entry in (await registry.read(channel.wire)).values():
                if entry.group == group and entry.subject in subjects:
                    await _remove(channel, entry)

        await self._client.run(remove)


async def _remove(channel: Channel, entry: Entry) -> None:
    """The queue of a command stays, with all that is sent, for the group that claims it next."""
    queues = [dead_of(entry.queue), replayed_of(entry.queue)]
    if entry.kind == "event":
        await _release(channel, entry)
        queues += [entry.queue, *(delay_of(entry.queue, step) for step in entry.delays)]
    for queue in queues:
        await channel.call(commands.Queue.Delete(queue=queue))
    fact = Entry(entry.group, entry.subject, entry.kind, removed=True)
    await registry.add(channel.wire, fact)


async def _release(channel: Channel, entry: Entry) -> None:
    """Events that only it had claimed go to the history, which is trimmed, from now on."""
    await channel.call(exchange(RELEASED, "fanout"))
    await channel.call(commands.Queue.Bind(queue=HISTORY, exchange=RELEASED, routing_key=""))
    key = key_of(entry.subject)
    await channel.call(commands.Exchange.Bind(destination=RELEASED, source=GROUPS, routing_key=key))
    await channel.call(commands.Exchange.Delete(exchange=exchange_of(entry.queue)))
