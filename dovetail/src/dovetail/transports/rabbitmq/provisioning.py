"""Makes sure that what is needed is there: what all share, what a claim needs, and what it may need later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec
from pamqp import commands

from dovetail.delivery import Claim
from dovetail.errors import CommandClaimed
from dovetail.options import QueueOptions
from dovetail.transports.rabbitmq import backfill, claims
from dovetail.transports.rabbitmq.backfill import NewArrivals
from dovetail.transports.rabbitmq.channel import Channel, ChannelClosed
from dovetail.transports.rabbitmq.claims import RegisteredClaim, RegisteredClaims
from dovetail.transports.rabbitmq.client import Client, NoSuchQueue
from dovetail.transports.rabbitmq.frames import Properties
from dovetail.transports.rabbitmq.locks import lock
from dovetail.transports.rabbitmq.publisher import Publisher
from dovetail.transports.rabbitmq.takeover import take_over
from dovetail.transports.rabbitmq.topology import (
    AGE,
    COMMANDS,
    GROUPS,
    HISTORY,
    UNCLAIMED,
    declarations,
    exchange,
    exchange_of,
    history,
    key_of,
    queue_of,
    quorum_queue,
)
from dovetail.transports.rabbitmq.wire import Wire

log = logging.getLogger("dovetail.rabbitmq")


async def shared(channel: Channel, options: QueueOptions) -> None:
    """Make what all groups share. What is there already is left as it is."""
    await _history(channel.wire, options)
    await asyncio.gather(*map(channel.ask, declarations(options)))


async def _history(wire: Wire, options: QueueOptions) -> None:
    """Whoever comes first says for how long it is kept."""
    channel = await Channel.open(wire)
    try:
        await channel.call(history(options))
    except ChannelClosed as error:
        if (other := error.inequivalent) is None or other.argument != AGE:
            raise
        age = other.current or ""
        log.info("the history is kept for %s, as whoever made it wanted", age or "ever")
        channel = await Channel.open(wire)
        await channel.call(history(options, age))  # the rest is as it should be
    finally:
        await channel.close()


async def claim(wire: Wire, wanted: Claim, options: QueueOptions) -> None:
    """Return when the claim is registered and its queue is there. Raises CommandClaimed."""
    name = queue_of(wanted.group, wanted.subject)
    known = (await claims.read(wire)).get(name)
    if known is not None and known.kind == wanted.kind and known.provisioned:
        return
    fact = RegisteredClaim.of(wanted)
    async with lock(wire, f"{name}+lock"):
        registered = await claims.add(wire, fact)
        known = registered.get(name)
        if known is None or known.kind != wanted.kind:
            raise CommandClaimed(wanted.subject, _owner(registered, wanted.subject))
        if not known.provisioned:
            freed = registered.freed.get(wanted.subject, ())
            # What is claimed again is nobody else's, and may have what waited for it before.
            former = [one for one in freed if one.queue not in registered]
            changed = known.changed or any(one.queue == name for one in freed)
            copied = await _provision(wire, wanted, options, former, changed=changed)
            await claims.add(wire, msgspec.structs.replace(fact, provisioned=True, marked=copied))


def _owner(registered: RegisteredClaims, command: str) -> str:
    [owner] = [
        one for one in registered.values() if (one.kind, one.subject) == ("command", command)
    ]
    return owner.group


async def again(channel: Channel, wanted: Claim, options: QueueOptions) -> None:
    """Make what is missing of a claim that was provisioned: an operator may have removed it."""
    await _declare(channel, wanted, options)
    await _bind(channel, wanted)


async def _declare(channel: Channel, wanted: Claim, options: QueueOptions) -> None:
    """The claim's queue, and its exchange, which feeds the queue and the history."""
    name = queue_of(wanted.group, wanted.subject)
    own = exchange_of(name)
    await asyncio.gather(
        channel.ask(quorum_queue(name, options)),
        channel.ask(exchange(own, "fanout")),
        channel.ask(commands.Queue.Bind(queue=name, exchange=own, routing_key="")),
        channel.ask(commands.Queue.Bind(queue=HISTORY, exchange=own, routing_key="")),
    )


async def _bind(channel: Channel, wanted: Claim) -> None:
    """From now on messages go to queue and history, and no longer to what nobody has claimed: in one step."""
    name = exchange_of(queue_of(wanted.group, wanted.subject))
    source = GROUPS if wanted.kind == "event" else COMMANDS
    key = key_of(wanted.subject)
    await channel.call(commands.Exchange.Bind(destination=name, source=source, routing_key=key))


async def _unbind_other(channel: Channel, wanted: Claim) -> None:
    """Messages of the kind that the claim had before do not come any more."""
    name = exchange_of(queue_of(wanted.group, wanted.subject))
    other = COMMANDS if wanted.kind == "event" else GROUPS
    key = key_of(wanted.subject)
    await channel.call(commands.Exchange.Unbind(destination=name, source=other, routing_key=key))


async def _provision(
    wire: Wire,
    wanted: Claim,
    options: QueueOptions,
    former: Sequence[RegisteredClaim],
    *,
    changed: bool,
) -> bool:
    """Make the claim's queue, with what it is to have from before; gives whether that was of the history.

    A queue of a claim that has `changed` its kind may have what was for the other one: it stays, and an
    interrupted try may leave copies there. Commands of `former` claims are for whoever claims them next.
    """
    queue = queue_of(wanted.group, wanted.subject)
    former = former if wanted.kind == "command" else ()
    has_history = wanted.kind == "event" and wanted.start != "new"
    channel = await Channel.open(wire, confirms=True)
    try:
        if has_history and not changed:
            await _undo(channel, wanted)
        await _declare(channel, wanted, options)
        if changed:
            await _unbind_other(channel, wanted)
        if not former and not has_history:
            await _bind(channel, wanted)
            return False
        arrivals = await NewArrivals.of(channel, queue)
        await _bind(
            channel, wanted
        )  # for a moment, a former claim's queue gets what is sent as well
        for one in former:
            await take_over(channel, queue, one, arrivals, options)
        if former:
            return False
        count = await backfill.copy(channel, UNCLAIMED, wanted, None)
        count += await backfill.copy(channel, HISTORY, wanted, arrivals)
    finally:
        await channel.close()
    if count:
        log.info("%s begins with %d messages on %s", wanted.group, count, wanted.subject)
    return True


async def _undo(channel: Channel, wanted: Claim) -> None:
    """Take back what an interrupted try has copied; the history has that, and what has arrived since."""
    queue = queue_of(wanted.group, wanted.subject)
    await channel.call(commands.Exchange.Delete(exchange=exchange_of(queue)))
    await channel.call(commands.Queue.Delete(queue=queue))


class QueuesOnDemand:
    """Queues of claims that are declared when they are needed first.

    Each is registered before anything is in it, so that it is counted.
    """

    def __init__(self, client: Client, publisher: Publisher) -> None:
        self._client = client
        self._publisher = publisher
        self._declared: set[str] = set()
        self._declaring = asyncio.Lock()

    async def put(
        self,
        declares: commands.Queue.Declare,
        fact: RegisteredClaim,
        messages: Sequence[tuple[Properties, bytes]],
    ) -> None:
        """Return when the queue has the messages; `fact` says that there is such a queue."""
        await self._declare(declares, fact)
        try:
            await self._publisher.put(declares.queue, messages)
        except NoSuchQueue:  # somebody has removed it
            self._declared.discard(declares.queue)
            await self._declare(declares, fact)
            await self._publisher.put(declares.queue, messages)

    async def _declare(self, declares: commands.Queue.Declare, fact: RegisteredClaim) -> None:
        async def declare(channel: Channel) -> None:
            await channel.call(declares)
            await claims.know(channel.wire, fact)

        if declares.queue not in self._declared:
            async with self._declaring:
                if declares.queue not in self._declared:
                    await self._client.run(declare)
                    self._declared.add(declares.queue)
