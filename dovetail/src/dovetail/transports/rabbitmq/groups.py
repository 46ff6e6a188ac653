"""Groups as an operator changes them: what they are called, and their end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pamqp import commands

from dovetail.transports.common.group_names import renamed
from dovetail.transports.rabbitmq import claims
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.claims import RegisteredClaim
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.topology import (
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


async def names(client: Client) -> Mapping[str, str]:
    """The places of renamed groups, by what they are called now."""
    return (await client.with_wire(claims.read)).names


async def rename(client: Client, old: str, new: str) -> None:
    """Register what both names mean from now on."""
    changes = renamed(await names(client), old, new)
    fact = RegisteredClaim("", "", "event", names=tuple(changes.items()))
    await client.with_wire(lambda wire: claims.add(wire, fact))


async def remove(client: Client, group: str, subjects: Sequence[str]) -> None:
    """End these claims of a group, with what waits for them; commands stay for the group that comes next."""

    async def remove(channel: Channel) -> None:
        for claim in (await claims.read(channel.wire)).values():
            if claim.group == group and claim.subject in subjects:
                await _remove(channel, claim)

    await client.run(remove)


async def _remove(channel: Channel, claim: RegisteredClaim) -> None:
    """The queue of a command stays, with all that is sent, for the group that claims it next."""
    queues = [dead_of(claim.queue), replayed_of(claim.queue)]
    if claim.kind == "event":
        await _release(channel, claim)
        queues += [claim.queue, *(delay_of(claim.queue, step) for step in claim.delays)]
    for queue in queues:
        await channel.call(commands.Queue.Delete(queue=queue))
    fact = RegisteredClaim(claim.group, claim.subject, claim.kind, removed=True)
    await claims.add(channel.wire, fact)


async def _release(channel: Channel, claim: RegisteredClaim) -> None:
    """Events that only it had claimed go to the history, which is trimmed, from now on."""
    await channel.call(exchange(RELEASED, "fanout"))
    await channel.call(commands.Queue.Bind(queue=HISTORY, exchange=RELEASED, routing_key=""))
    key = key_of(claim.subject)
    await channel.call(commands.Exchange.Bind(destination=RELEASED, source=GROUPS, routing_key=key))
    await channel.call(commands.Exchange.Delete(exchange=exchange_of(claim.queue)))
