"""Whether the sentinels have made another server the master, while ours goes on as one.

A master that hung, or was cut off from the sentinels, does not know that another was promoted. What it
accepts is lost when they make it a replica, ten seconds or more after they reach it again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from dovetail import clock
from dovetail.errors import ConfigurationError
from dovetail.network.server_address import Host
from dovetail.transports.redis import limits

#: Asks the sentinel at this host who the master is.
Ask = Callable[[Host], Awaitable[Host]]


async def other_master(sentinels: Sequence[Host], master: Host, ask: Ask) -> Host | None:
    """The server that most of the sentinels name, where that is not `master`; those that are silent count.

    Most, since one that was cut off from the others knows less than they do.
    """
    first, *others = clock.shuffled(sentinels)
    named = [await _named(first, ask)]
    if named == [master]:  # as nearly always: then the others are not asked
        return None
    named += await asyncio.gather(*(_named(host, ask) for host in others))
    [(most, count)] = Counter(named).most_common(1)
    return None if most == master or 2 * count <= len(sentinels) else most


async def _named(sentinel: Host, ask: Ask) -> Host | None:
    try:
        async with asyncio.timeout(limits.SENTINEL_SECONDS):
            return await ask(sentinel)
    except (OSError, ConfigurationError):
        return None  # what is wrong with it is said when it is needed to connect
