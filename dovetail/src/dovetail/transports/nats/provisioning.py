"""Makes sure that streams are there. Calls may be repeated, from many processes at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from dovetail.codec.subjects import RESERVED, matches
from dovetail.delivery import Outgoing
from dovetail.errors import ConfigurationError, DovetailError, NoGroup, QueueUnavailable
from dovetail.options import QueueOptions
from dovetail.transports.nats import topology
from dovetail.transports.nats.api_errors import (
    NO_FOLDER,
    NO_PEERS,
    NOT_CLUSTERED,
    STREAM_NAME_IN_USE,
    SUBJECTS_OVERLAP,
    ApiError,
)
from dovetail.transports.nats.command_migration import free_for_events
from dovetail.transports.nats.existing_settings import check_stream
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.limits import (
    ASSUMED_SECONDS,
    CREATE_TRIES,
    DUPLICATE_WINDOW,
    RETRY_SECONDS,
    UPDATE_TRIES,
)
from dovetail.transports.nats.permissions import NotPermitted
from dovetail.transports.nats.placement import TooFewServers

log = logging.getLogger("dovetail.nats")


class Provisioning:
    """Streams as `topology` has them."""

    def __init__(self, api: JetStream, options: QueueOptions) -> None:
        self._api = api
        self._options = options
        #: When streams that we may not look at were taken to be there, first and last.
        self._assumed: dict[str, tuple[float, float]] = {}

    async def streams(self) -> None:
        """The streams that are always there."""
        await self._stream(
            topology.EVENTS,
            list(topology.FIRST_SUBJECTS),
            max_bytes=self._options.limit_bytes or -1,
        )
        await self._stream(topology.DEAD, [f"{topology.DEAD_PREFIX}>"])
        await self._stream(
            topology.ATTEMPTS,
            [f"{topology.ATTEMPTS_PREFIX}>"],
            max_msgs_per_subject=1,
            discard="old",
            max_age=30 * topology.DAY,
        )

    async def command(self, subject: str) -> None:
        """The work queue of a command."""
        subjects = [topology.command_subject(subject)]
        await self._stream(topology.command_stream(subject), subjects, retention="workqueue")

    async def take(self, message: Outgoing) -> str | None:
        """Let a stream take this message; gives what to publish it on, if that is not its own subject.

        NoGroup for a command that nobody ever claimed.
        """
        subject = message.subject
        if subject.startswith(f"{RESERVED}."):
            await self.streams()
        elif message.kind == "event":
            await self.events_on(subject)
        elif not await self._is_of_older_version(subject):
            return topology.command_subject(subject)
        return None

    async def _is_of_older_version(self, command: str) -> bool:
        """Whether the command's stream takes the command's own subject."""
        name = topology.command_stream(command)
        try:
            stream = await self._api.stream(name)
        except NotPermitted as error:
            self._assume(name, error)
            return False
        if stream is None:
            raise NoGroup(command)
        return command in stream["config"]["subjects"]

    async def largest(self, stream: str) -> int:
        """What the stream takes at most, body and headers together, in bytes."""
        return int((await self._api.config(stream))["max_msg_size"])

    async def events_on(self, subject: str) -> None:
        """Let the events stream take this subject or pattern too."""
        for _ in range(UPDATE_TRIES):
            try:
                stream = await self._api.stream(topology.EVENTS)
            except NotPermitted as error:
                self._assume(f"{topology.EVENTS}, for {subject}", error)
                return
            if stream is None:
                await self.streams()
            elif await self._takes_events_on(subject, stream["config"]):
                return
        raise QueueUnavailable(f"the queue did not take the subject {subject!r}; try again")

    async def _takes_events_on(self, subject: str, config: Mapping[str, Any]) -> bool:
        """Whether the stream took it before. It does now, unless another process changes it at once."""
        check_stream(config, {"discard": "new"})
        if any(_covers(have, subject) for have in config["subjects"]):
            return True
        kept = [have for have in config["subjects"] if not _covers(subject, have)]
        try:
            await self._api.update(config, subjects=[*kept, subject])
        except NotPermitted as error:
            raise missing(
                error, f"the stream {topology.EVENTS!r} does not take {subject!r} yet"
            ) from error
        except ApiError as error:
            if error.code != SUBJECTS_OVERLAP or not await free_for_events(self._api, subject):
                raise ConfigurationError(
                    f"the queue cannot keep events on {subject!r}: {error}"
                ) from error
        return False

    async def _stream(self, name: str, subjects: list[str], **settings: Any) -> None:
        config: dict[str, Any] = {
            "name": name,
            "subjects": subjects,
            "retention": "limits",
            "discard": "new",
            "storage": "file",
            "num_replicas": self._options.replicas,
            "duplicate_window": DUPLICATE_WINDOW * topology.SECOND,
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
            known = await self._api.config(name)
            check_stream(known, config)
            await self._replicate(known)

    async def _use(self, name: str, wanted: dict[str, Any], refusal: NotPermitted) -> None:
        """Without the right to make it: use what somebody with more rights has made."""
        try:
            stream = await self._api.stream(name)
        except NotPermitted:
            return  # nor to look; it is there, or publishing and claiming will tell
        if stream is None:
            raise missing(refusal, f"the stream {name!r} is not there yet") from refusal
        check_stream(stream["config"], wanted)

    def _assume(self, stream: str, refusal: NotPermitted) -> None:
        """That it is there, since we may not look. Asked for again and again, it seems not to be."""
        now = asyncio.get_running_loop().time()
        first, last = self._assumed.get(stream, (now, now))
        if now - last > ASSUMED_SECONDS / 2:  # that was another time
            first = now
        self._assumed[stream] = first, now
        if now - first > ASSUMED_SECONDS:
            raise QueueUnavailable(
                f"no stream takes this message, which needs {stream}, and nobody may look why: {refusal}"
            ) from refusal

    async def _create(self, name: str, config: dict[str, Any]) -> None:
        for tries_left in reversed(range(CREATE_TRIES)):
            try:
                await self._api.call(f"STREAM.CREATE.{name}", config)
                break
            except ApiError as error:
                if error.code != NO_FOLDER or not tries_left:
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    async def _replicate(self, config: dict[str, Any]) -> None:
        """Let a stream that was made with fewer copies keep as many as are wanted now."""
        name, have, wanted = config["name"], config["num_replicas"], self._options.replicas
        if have >= wanted:
            return
        log.info("the stream %r gets %d copies, from %d", name, wanted, have)
        try:
            await self._api.update(config, num_replicas=wanted)
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


def missing(refusal: NotPermitted, what: str) -> ConfigurationError:
    """It is not there, and this user may not make it."""
    return ConfigurationError(
        f"{what}, and {refusal}, or start this once with a user that may", setting=refusal.setting
    )


def _covers(pattern: str, subject: str) -> bool:
    """Whether every subject of the second pattern is one of the first."""
    if pattern == subject:
        return True
    if subject.endswith(">") and not pattern.endswith(">"):
        return False
    return matches(pattern, subject.replace("*", "_").replace(">", "_"))
