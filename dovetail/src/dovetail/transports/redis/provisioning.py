"""Makes sure that the streams and the group that a member reads from are there."""

from __future__ import annotations

import logging
from typing import Literal

from dovetail.delivery import Claim
from dovetail.errors import CommandClaimed
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.topology import lua_pattern_of

log = logging.getLogger("dovetail.redis")


class Provisioning:
    """Does for a claim what is not done yet."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def provide(self, claim: Claim) -> None:
        """Raises CommandClaimed where another group has the command."""
        await self._provide(claim, claim.start)

    async def restore(self, claim: Claim) -> None:
        """What a member has read from before is gone."""
        log.error(
            "the queue at %s has lost what it held for the group %s on %s, noticed just now: it was "
            "emptied, or has started without what it had stored, unless someone removed the group. What "
            "waited there is lost; what comes from now on is handled",
            self._client.address.shown,
            claim.group,
            claim.subject,
        )
        await self._provide(claim, "first")  # all that is there came after the group was gone

    async def _provide(self, claim: Claim, start: Literal["first", "new"]) -> None:
        what = claim.group, claim.subject, claim.kind, start, lua_pattern_of(claim.subject)
        while (result := await self._client.script("provision", *what)) == b"more":
            pass  # a page of the history was copied
        if result != b"ok":
            raise CommandClaimed(claim.subject, result.decode(errors="replace"))
