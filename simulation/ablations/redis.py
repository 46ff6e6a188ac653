"""Safeguards of the Redis transport."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha1
from typing import Any

from dovetail.delivery import Outgoing
from dovetail.transports.common.buffer import Buffer
from dovetail.transports.redis import client
from dovetail.transports.redis.lease_renewal import LeaseRenewal
from dovetail.transports.redis.publisher import Publisher
from dovetail.transports.redis.scripts import Script, script
from dovetail.transports.redis.settling import Settling
from dovetail.transports.redis.subscription import RedisSubscription
from dovetail.transports.redis.transport import RedisTransport
from simulation.ablations.safeguards import (
    Patch,
    Safeguards,
    at_once,
    from_the_first,
    nothing,
    put_first,
)


def _altered(old: str, new: str, *names: str) -> tuple[Patch]:
    """Other words in these scripts."""

    def found(wanted: str) -> Script:
        known = script(wanted)
        if wanted not in names:
            return known
        assert old in known.text, (wanted, old)
        text = known.text.replace(old, new)
        return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())

    return ((client, "script", found),)


async def _all_of_them(self: Settling, deliveries: list[Any], **_: Any) -> list[Any]:
    return deliveries


async def _send_ack_once(self: Settling, stream: str, acked: list[Any]) -> None:
    await self._client.run("XACK", stream, self._member.group, *(one.id for one in acked))


_put = Publisher._put


def _put_and_hope(
    self: Publisher, messages: Sequence[Outgoing], deadline: float
) -> asyncio.Future[None]:
    _put(self, messages, deadline).add_done_callback(lambda unseen: unseen.exception())
    stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stored.set_result(None)
    return stored


SAFEGUARDS: Safeguards = {
    "Redis: a publish waits for the server's word": ((Publisher, "_put", _put_and_hope),),
    "Redis: leases are renewed": ((LeaseRenewal, "_renew", nothing),),
    "Redis: leases end": ((LeaseRenewal, "_reclaim", nothing),),
    "Redis: only who holds a message settles it": _altered(
        "if not pending.err and #pending > 0 then take_out",
        "if true then take_out",
        "requeue",
        "keep_dead_letter",
    ),
    "Redis: what others have by now is not handled": (
        (Settling, "still_to_be_handled", _all_of_them),
    ),
    "Redis: attempts are counted": _altered(
        "moved(entry, ARGV[i + 1], ARGV[i + 2])", "moved(entry, 1, 0)", "requeue"
    ),
    "Redis: an entry that moves is put before it is removed": _altered(
        "if entry then put(entry) end", "", "reclaim"
    ),
    "Redis: an id is accepted once": _altered(
        "if not is_known(id) then", "if true then", "publish"
    ),
    "Redis: an entry that moves keeps its key": _altered(
        "'dovetail-key', key_of(entry)", "'dovetail-key', '0-1'", "requeue"
    ),
    "Redis: what is delayed is moved when it is due": _altered(
        "call('ZREM', delayed, member)", "", "move_due"
    ),
    "Redis: an ack is sent until it has arrived": ((Settling, "_send_ack", _send_ack_once),),
    "Redis: a new group gets the history": _altered(
        "start == 'new' and '$' or '0'", "'$'", "provision"
    ),
    "Redis: history is trimmed below what every group has handled": _altered(
        "then first = id end", "then first = young end", "trim"
    ),
    "Redis: a letter is replayed by one of those who want to": _altered(
        "if #call('XRANGE', P .. ':dead', id, id) == 0 then return '0' end",
        "",
        "remove_dead_letters",
    ),
    "Redis: a replay that is said again is none": _altered(
        "if known then return known end", "", "remove_dead_letters"
    ),
    "Redis: the oldest comes first": ((Buffer, "put", put_first),),
    "Redis: a retry waits for its pause": (
        (RedisSubscription, "retry", at_once(RedisSubscription.retry)),
    ),
    "Redis: a group may begin with what is new": (
        (RedisTransport, "claim", from_the_first(RedisTransport.claim)),
    ),
}
