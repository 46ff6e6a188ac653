"""A group's consumer for one subject: makes sure that it is there, with the stream that it reads."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from dovetail.codec.subjects import overlap
from dovetail.delivery import Claim
from dovetail.errors import CommandClaimed
from dovetail.transports.nats import topology
from dovetail.transports.nats.api_errors import NOT_UNIQUE_ON_WORK_QUEUE, ApiError
from dovetail.transports.nats.existing_settings import check_consumer
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.permissions import NotPermitted
from dovetail.transports.nats.provisioning import Provisioning, missing

log = logging.getLogger("dovetail.nats")


class Position(NamedTuple):
    """How far a group has come."""

    #: When the stream was made.
    created: str
    #: Up to this one the group has handled everything.
    sequence: int


class GroupConsumer:
    """Calls may be repeated, from many processes at once."""

    def __init__(self, api: JetStream, provisioning: Provisioning, claim: Claim) -> None:
        self._api = api
        self._provisioning = provisioning
        self._claim = claim
        self._stream = topology.stream_of(claim)
        self._name = topology.consumer_of(claim.group, claim.subject)
        #: The settings that it had when `ensure` saw it.
        self.config: Mapping[str, Any] = {}

    async def ensure(self, position: Position | None = None) -> None:
        """One that was deleted goes on from `position`: to begin with what is new would skip what waited."""
        claim = self._claim
        await self._provisioning.streams()
        if claim.kind == "command":
            await self._provisioning.command(claim.subject)
        elif not claim.subject.startswith(("*", ">")):
            # A stream cannot take what overlaps with its other subjects or with the server's own, and
            # need not: publishing to a new subject adds that one.
            await self._provisioning.events_on(claim.subject)
        config = _config(claim, self._name)
        known = await self._api.consumer(self._stream, self._name)
        if known is None:
            if position is not None:
                config |= await self._start_after(position)
            await self._make(config)
            return
        self.config = known["config"]
        check_consumer(known["config"], config, self._stream)
        if known["config"]["ack_wait"] != config["ack_wait"]:
            await self._change_lease({**known["config"], "ack_wait": config["ack_wait"]})

    async def position(self) -> Position:
        """Where the group is now."""
        # In this order: a sequence is never taken for one of a stream that was made anew meanwhile.
        created = (await self._api.call(f"STREAM.INFO.{self._stream}"))["created"]
        info = await self._api.call(f"CONSUMER.INFO.{self._stream}.{self._name}")
        return Position(created, info["ack_floor"]["stream_seq"])

    async def _start_after(self, position: Position) -> dict[str, Any]:
        stream = await self._api.call(f"STREAM.INFO.{self._stream}")
        if stream["created"] != position.created:
            # It counts from 1 again, and holds only what came since.
            return {"deliver_policy": "all"}
        return {"deliver_policy": "by_start_sequence", "opt_start_seq": position.sequence + 1}

    async def _make(self, config: dict[str, Any]) -> None:
        try:
            made = await self._api.make_consumer(self._stream, config)
            self.config = made["config"]
        except NotPermitted as error:
            raise missing(error, f"the consumer {self._name!r} is not there yet") from error
        except ApiError as error:
            if error.code not in NOT_UNIQUE_ON_WORK_QUEUE:
                raise
            owners = await self._api.listed(f"CONSUMER.NAMES.{self._stream}", "consumers")
            owner = topology.split_consumer(owners[0])[0] if owners else "another"
            raise CommandClaimed(self._claim.subject, owner) from error

    async def _change_lease(self, config: dict[str, Any]) -> None:
        try:
            await self._api.make_consumer(self._stream, config)
        except NotPermitted as error:
            log.warning("%s keeps the lease that it was made with: %s", self._name, error)


def _config(claim: Claim, name: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "durable_name": name,
        "name": name,
        "ack_policy": "explicit",
        "ack_wait": int(claim.lease * topology.SECOND),
        # A work queue takes only "all", and has nothing from before its group.
        "deliver_policy": "new" if claim.start == "new" and claim.kind == "event" else "all",
        # What we count ourselves decides when a message is given up, and the server's count is no limit.
        "max_deliver": -1,
        # Messages that wait for their next attempt are pending too and must not hold up the others.
        "max_ack_pending": -1,
        "max_waiting": 4096,
    }
    if claim.kind == "event":
        replays = topology.replay_subject(claim.group, claim.subject, ">")
        config["filter_subjects"] = [claim.subject]
        if not overlap(claim.subject, replays):
            config["filter_subjects"].append(replays)
    # A work queue takes one consumer that hears everything.
    return config
