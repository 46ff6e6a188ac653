"""Makes sure that streams and consumers are there. Calls may be repeated, from many processes at once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from dovetail.delivery import Claim, Outgoing
from dovetail.errors import (
    CommandClaimed,
    ConfigurationError,
    DovetailError,
    NoGroup,
    QueueUnavailable,
)
from dovetail.options import QueueOptions
from dovetail.subjects import RESERVED, matches, overlap
from dovetail.transports.nats import layout
from dovetail.transports.nats.existing import check_consumer, check_stream
from dovetail.transports.nats.freeing import free_for_events
from dovetail.transports.nats.jetstream import (
    CONSUMER_NOT_FOUND,
    NO_FOLDER,
    NO_PEERS,
    NOT_CLUSTERED,
    NOT_UNIQUE_ON_WORK_QUEUE,
    RETRY_SECONDS,
    STREAM_NAME_IN_USE,
    STREAM_NOT_FOUND,
    SUBJECTS_OVERLAP,
    ApiError,
    JetStream,
)
from dovetail.transports.nats.placing import TooFewServers
from dovetail.transports.nats.rights import NotPermitted

log = logging.getLogger("dovetail.nats")

_UPDATE_TRIES = 10
_CREATE_TRIES = 20
#: For so long a publisher tries whether a stream is there that it may not look at.
_ASSUMED_SECONDS = 2.0

#: When a stream was made, and up to which sequence in it a group has handled everything.
Place = tuple[str, int]


class Provision:
    """Streams and consumers as `layout` has them."""

    def __init__(self, api: JetStream, options: QueueOptions) -> None:
        self._api = api
        self._options = options
        #: When streams that we may not look at were taken to be there, first and last.
        self._assumed: dict[str, tuple[float, float]] = {}

    async def streams(self) -> None:
        """The streams that are always there."""
        await self._stream(
            layout.EVENTS,
            list(layout.FIRST_SUBJECTS),
            max_bytes=self._options.limit_bytes or -1,
        )
        await self._stream(layout.DEAD, ["dovetail.dead.>"])
        await self._stream(
            layout.ATTEMPTS,
            ["dovetail.attempts.>"],
            max_msgs_per_subject=1,
            discard="old",
            max_age=30 * layout.DAY,
        )

    async def take(self, message: Outgoing) -> str | None:
        """Let a stream take this message; gives what to publish it on, if that is not its own subject.

        NoGroup for a command that nobody ever claimed.
        """
        subject = message.subject
        if subject.startswith(f"{RESERVED}."):
            await self.streams()
            return None
        if message.kind == "event":
            await self.events_on(subject)
            return None
        try:
            info = await self._api.call(f"STREAM.INFO.{layout.command_stream(subject)}")
        except NotPermitted as error:
            self._assume(layout.command_stream(subject), error)
            return layout.command_subject(subject)
        except ApiError as error:
            if error.code == STREAM_NOT_FOUND:
                raise NoGroup(subject) from error
            raise
        of_older_version = subject in info["config"]["subjects"]
        return None if of_older_version else layout.command_subject(subject)

    async def largest(self, stream: str) -> int:
        """What the stream takes at most, body and headers together, in bytes."""
        config = (await self._api.call(f"STREAM.INFO.{stream}"))["config"]
        return int(config["max_msg_size"])

    async def events_on(self, subject: str) -> None:
        """Let the events stream take this subject or pattern too."""
        for _ in range(_UPDATE_TRIES):
            try:
                config = (await self._api.call(f"STREAM.INFO.{layout.EVENTS}"))["config"]
            except NotPermitted as error:
                self._assume(f"{layout.EVENTS}, for {subject}", error)
                return
            except ApiError as error:
                if error.code != STREAM_NOT_FOUND:
                    raise
                await self.streams()
                continue
            check_stream(config, {"discard": "new"})
            if any(_covers(have, subject) for have in config["subjects"]):
                return
            kept = [have for have in config["subjects"] if not _covers(subject, have)]
            # Two processes may do this at once, and the later one wins: look again until ours is in.
            try:
                await self._api.call(
                    f"STREAM.UPDATE.{layout.EVENTS}", {**config, "subjects": [*kept, subject]}
                )
            except NotPermitted as error:
                raise _missing(
                    error, f"the stream {layout.EVENTS!r} does not take {subject!r} yet"
                ) from error
            except ApiError as error:
                if error.code == SUBJECTS_OVERLAP and await free_for_events(self._api, subject):
                    continue
                raise ConfigurationError(
                    f"the queue cannot keep events on {subject!r}: {error}"
                ) from error
        raise QueueUnavailable(f"the queue did not take the subject {subject!r}; try again")

    async def consumer(self, claim: Claim, place: Place | None = None) -> None:
        """The group's consumer for one subject, with the stream that it reads.

        One that was deleted goes on from `place`: to begin with what is new would skip what waited for it.
        """
        stream, name = layout.stream_of(claim), layout.consumer_of(claim.group, claim.subject)
        if claim.kind == "command":
            subjects = [layout.command_subject(claim.subject)]
            await self._stream(stream, subjects, retention="workqueue")
        elif not claim.subject.startswith(("*", ">")):
            # A stream cannot take what overlaps with its other subjects or with the server's own, and
            # need not: publishing to a new subject adds that one.
            await self.events_on(claim.subject)
        config = _consumer_config(claim, name)
        known = await self._known_consumer(stream, config)
        if known is not None:
            if known["ack_wait"] == config["ack_wait"]:
                return
            config = {**known, "ack_wait": config["ack_wait"]}
        elif place is not None:
            config |= await self._onwards(stream, place)
        try:
            await self._make_consumer(stream, config)
        except NotPermitted as error:
            if known is None:
                raise _missing(error, f"the consumer {name!r} is not there yet") from error
            log.warning("%s keeps the lease that it was made with: %s", name, error)
        except ApiError as error:
            if error.code not in NOT_UNIQUE_ON_WORK_QUEUE:
                raise
            owners = await self._api.listed(f"CONSUMER.NAMES.{stream}", "consumers")
            owner = layout.split_consumer(str(owners[0]))[0] if owners else "another"
            raise CommandClaimed(claim.subject, owner) from error

    async def _known_consumer(self, stream: str, wanted: dict[str, Any]) -> dict[str, Any] | None:
        try:
            info = await self._api.call(f"CONSUMER.INFO.{stream}.{wanted['name']}")
        except ApiError as error:
            if error.code != CONSUMER_NOT_FOUND:
                raise
            return None
        known: dict[str, Any] = info["config"]
        check_consumer(known, wanted, stream)
        return known

    async def _make_consumer(self, stream: str, config: dict[str, Any]) -> None:
        request = {"stream_name": stream, "config": config, "action": ""}
        await self._api.call(f"CONSUMER.CREATE.{stream}.{config['name']}", request)

    async def place(self, claim: Claim) -> Place:
        """How far the group has come."""
        stream, name = layout.stream_of(claim), layout.consumer_of(claim.group, claim.subject)
        # In this order: a sequence is never taken for one of a stream that was made anew meanwhile.
        made = (await self._api.call(f"STREAM.INFO.{stream}"))["created"]
        info = await self._api.call(f"CONSUMER.INFO.{stream}.{name}")
        return made, info["ack_floor"]["stream_seq"]

    async def _onwards(self, stream: str, place: Place) -> dict[str, Any]:
        made, sequence = place
        if (await self._api.call(f"STREAM.INFO.{stream}"))["created"] != made:
            return {
                "deliver_policy": "all"
            }  # it counts from 1 again, and holds only what came since
        return {"deliver_policy": "by_start_sequence", "opt_start_seq": sequence + 1}

    async def _stream(self, name: str, subjects: list[str], **settings: Any) -> None:
        config: dict[str, Any] = {
            "name": name,
            "subjects": subjects,
            "retention": "limits",
            "discard": "new",
            "storage": "file",
            "num_replicas": self._options.replicas,
            "duplicate_window": layout.DUPLICATE_WINDOW * layout.SECOND,
            "allow_direct": True,
            **settings,
        }
        try:
            await self._create(name, config)
        except NotPermitted as error:
            await self._use(name, config, error)
        except ApiError as error:
            # There with other settings: an operator's choice, or subjects that were added since.
            if error.code != STREAM_NAME_IN_USE:
                raise self._refused(name, error) from error
            known = (await self._api.call(f"STREAM.INFO.{name}"))["config"]
            check_stream(known, config)
            await self._replicate(name, known)

    async def _use(self, name: str, wanted: dict[str, Any], refusal: NotPermitted) -> None:
        """Without the right to make it: use what somebody with more rights has made."""
        try:
            known = (await self._api.call(f"STREAM.INFO.{name}"))["config"]
        except NotPermitted:
            return  # nor to look; it is there, or publishing and claiming will tell
        except ApiError as error:
            if error.code != STREAM_NOT_FOUND:
                raise
            raise _missing(refusal, f"the stream {name!r} is not there yet") from error
        check_stream(known, wanted)

    def _assume(self, stream: str, refusal: NotPermitted) -> None:
        """That it is there, since we may not look. Asked for again and again, it seems not to be."""
        now = asyncio.get_running_loop().time()
        first, last = self._assumed.get(stream, (now, now))
        if now - last > _ASSUMED_SECONDS / 2:  # that was another time
            first = now
        self._assumed[stream] = first, now
        if now - first > _ASSUMED_SECONDS:
            raise QueueUnavailable(
                f"no stream takes this message, which needs {stream}, and nobody may look why: {refusal}"
            ) from refusal

    async def _create(self, name: str, config: dict[str, Any]) -> None:
        for tries_left in reversed(range(_CREATE_TRIES)):
            try:
                await self._api.call(f"STREAM.CREATE.{name}", config)
                break
            except ApiError as error:
                if error.code != NO_FOLDER or not tries_left:
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    async def _replicate(self, name: str, config: dict[str, Any]) -> None:
        """Let a stream that was made with fewer copies keep as many as are wanted now."""
        wanted = self._options.replicas
        if config["num_replicas"] >= wanted:
            return
        log.info("the stream %r gets %d copies, from %d", name, wanted, config["num_replicas"])
        try:
            await self._api.call(f"STREAM.UPDATE.{name}", {**config, "num_replicas": wanted})
        except ApiError as error:
            raise self._refused(name, error) from error

    def _refused(self, name: str, error: ApiError) -> DovetailError:
        replicas = self._options.replicas
        if error.code == NOT_CLUSTERED:
            return ConfigurationError(
                f"replicas={replicas} needs a cluster, and the queue is one server alone: connect with "
                "replicas=1, or to a cluster",
                setting="replicas",
            )
        if error.code == NO_PEERS:
            return TooFewServers(
                f"the stream {name!r} cannot have {replicas} copies now: {error}; as many servers of the "
                "cluster, with JetStream and room, must be up when it is made"
            )
        return ConfigurationError(f"the queue refused the stream {name!r}: {error}")


def _missing(refusal: NotPermitted, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what}, and {refusal}, or start this once with a user that may", setting=refusal.setting
    )


def _consumer_config(claim: Claim, name: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "durable_name": name,
        "name": name,
        "ack_policy": "explicit",
        "ack_wait": int(claim.lease * layout.SECOND),
        # A work queue takes only "all", and has nothing from before its group.
        "deliver_policy": "new" if claim.start == "new" and claim.kind == "event" else "all",
        # What we count ourselves decides when a message is given up, and the server's count is no limit.
        "max_deliver": -1,
        # Messages that wait for their next attempt are pending too and must not hold up the others.
        "max_ack_pending": -1,
        "max_waiting": 4096,
    }
    if claim.kind == "event":
        replays = layout.replay_subject(claim.group, claim.subject, ">")
        config["filter_subjects"] = [claim.subject]
        if not overlap(claim.subject, replays):
            config["filter_subjects"].append(replays)
    # A work queue takes one consumer that hears everything.
    return config


def _covers(pattern: str, subject: str) -> bool:
    """Whether every subject of the second pattern is one of the first."""
    if pattern == subject:
        return True
    if subject.endswith(">") and not pattern.endswith(">"):
        return False
    return matches(pattern, subject.replace("*", "_").replace(">", "_"))
