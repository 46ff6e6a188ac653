"""The JetStream API over a client: requests in JSON, errors as exceptions, and header blocks."""

from __future__ import annotations

import asyncio
import math
from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import msgspec

from dovetail.errors import NobodyListening, QueueError, QueueUnavailable
from dovetail.subjects import matches
from dovetail.transports.nats.client import NO_RESPONDERS, Client, ConnectionLost, Reply
from dovetail.transports.nats.headers import parse_headers
from dovetail.transports.nats.live import asking
from dovetail.transports.nats.wire import ServerInfo

#: The server's error codes that we act on (server/errors.json of nats-server).
STREAM_NOT_FOUND = 10059
STREAM_NAME_IN_USE = 10058
SUBJECTS_OVERLAP = 10065
#: It is in another stream than the message was to be in.
OTHER_STREAM = 10060
#: A stream's folder cannot be made: that of one just deleted is still being removed, or the disk is no good.
NO_FOLDER = 10049
CONSUMER_NOT_FOUND = 10014
MESSAGE_NOT_FOUND = 10037
#: Said of a message that was to be deleted. The second is said of other things, too, and in a cluster.
SEQUENCE_NOT_FOUND, DELETE_FAILED = 10043, 10057
NOT_UNIQUE_ON_WORK_QUEUE = (10099, 10100)
#: Full: what the refusal of a message means, and which setting is the limit.
NO_ROOM = {
    10077: "the stream's max_bytes or max_msgs; limit_bytes where we made it",
    10023: "max_file_store of the server, or its disk",
    10047: "max_file_store of the server, or its disk",
    10028: "max_memory_store of the server",
    10002: "the account's limit on storage",
}
#: A message is over the stream's max_msg_size.
OVER_SIZE = 10054
#: For the server, or for the account.
SWITCHED_OFF = (10076, 10039)
#: Asking again helps: no leader yet, offline, too much at once, or (10158) a copy of the message that we sent
#: before, when another server led, is being stored at this moment.
NOT_READY = (10008, 10009, 10118, 10119, 10158, 10167)
#: Copies cannot be kept: by a server alone, or while too few servers of a cluster are up.
NOT_CLUSTERED = 10074
NO_PEERS = 10005

#: From this version on, one request reads many messages (ADR-31).
BATCH_GET_VERSION = (2, 11)
RETRY_SECONDS = 0.1
#: For a batch of messages at first: nobody says that its answer was lost with the connection.
_PATIENCE_SECONDS = (0.5, 1.0, 2.0)
#: The header field of a stored message that says when it was stored.
TIME_STAMP = "Nats-Time-Stamp"
#: In a cluster the server that was to answer may be gone without anybody to say so: after this we ask again.
FIRST_WAIT_SECONDS = 1.0
#: A list has all it can have after 4 seconds, where servers that have a part of it are down.
LONGEST_WAIT_SECONDS = 5.0
#: What a cluster needs to elect a leader in the place of one that was killed, on top of the time-out: nobody
#: answers before. A server waits 4 to 9 seconds for its leader until it stands for election itself.
ELECTION_SECONDS = 15.0


class ApiError(QueueError):
    """JetStream refused; `code` is its error code."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code

    @property
    def nothing_to_delete(self) -> bool:
        """Whether it says that what was to be deleted is gone already."""
        if self.code == DELETE_FAILED:
            return any(
                words in str(self) for words in ("not found", "no message", "deleted message")
            )
        return self.code in (SEQUENCE_NOT_FOUND, MESSAGE_NOT_FOUND, STREAM_NOT_FOUND)


class StoredMessage(msgspec.Struct, frozen=True):
    """A message read back from a stream."""

    subject: str
    sequence: int
    headers: dict[str, str]
    body: bytes


class JetStream:
    """Requests to `$JS.API`. Each waits for the connection and the server, for `timeout` seconds.

    In a cluster also for the election of a leader.
    """

    def __init__(self, client: Client, timeout: float) -> None:
        self._client = client
        self._timeout = timeout

    async def call(self, subject: str, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer as it is; ApiError where the server refuses, QueueUnavailable where it is silent."""
        body = msgspec.json.encode(payload) if payload else b""
        _, answer = await self._ask(f"$JS.API.{subject}", body)
        reply: dict[str, Any] = msgspec.json.decode(answer)
        if (error := reply.get("error")) is not None:
            self._refused(error.get("err_code", error.get("code", 0)), error.get("description", ""))
        return reply

    def _refused(self, code: int, description: str) -> NoReturn:
        if code in SWITCHED_OFF:
            raise QueueUnavailable(
                f"the queue at {self._client.address.shown} cannot keep messages: {description}; "
                "switch JetStream on there"
            )
        raise ApiError(code, description)

    async def message(self, stream: str, wanted: Mapping[str, Any]) -> StoredMessage | None:
        """One message by `{"seq": n}`, `{"last_by_subj": s}` or `{"seq": n, "next_by_subj": s}`."""
        if self._client.info.cluster:
            return await self._from_leader(stream, wanted)
        headers, body = await self._ask(f"$JS.API.DIRECT.GET.{stream}", msgspec.json.encode(wanted))
        return stored_message(headers, body)

    async def _from_leader(self, stream: str, wanted: Mapping[str, Any]) -> StoredMessage | None:
        """Any copy answers a direct get, also one that has yet to hear what the others have stored."""
        try:
            found = (await self.call(f"STREAM.MSG.GET.{stream}", wanted))["message"]
        except ApiError as error:
            if error.code != MESSAGE_NOT_FOUND:
                raise
            return None
        headers = parse_headers(b64decode(found.get("hdrs", "")))
        return StoredMessage(
            subject=found["subject"],
            sequence=found["seq"],
            headers={**headers, TIME_STAMP: found["time"]},
            body=b64decode(found.get("data", "")),
        )

    async def messages(self, stream: str, sequences: Sequence[int]) -> list[StoredMessage]:
        """Those of these sequence numbers that exist, asked for at once."""
        found = await asyncio.gather(
            *(self.message(stream, {"seq": number}) for number in sequences)
        )
        return [message for message in found if message is not None]

    async def following(
        self, stream: str, subject: str, sequence: int, most: int
    ) -> list[StoredMessage]:
        """Up to `most` messages of a subject or pattern from this sequence on."""
        wanted = {"seq": sequence, "next_by_subj": subject}
        if self._client.info.version_numbers >= BATCH_GET_VERSION:
            return await self._batch(stream, {**wanted, "batch": most}, self._timeout)
        found: list[StoredMessage] = []
        while len(found) < most and (message := await self.message(stream, wanted)) is not None:
            found.append(message)
            wanted["seq"] = message.sequence + 1
        return found

    async def page(
        self, stream: str, subject: str, within: range, most: int, most_bytes: int
    ) -> list[StoredMessage]:
        """The first of the messages of a subject or pattern with these sequence numbers.

        About `most` and `most_bytes` at most; none only where there are none.
        """
        if not within:
            return []
        wanted: dict[str, Any] = {"seq": within.start, "next_by_subj": subject}
        if self._client.info.cluster:
            # From the leader, and those together that follow each other; others may be in between.
            first = await self.message(stream, wanted)
            if first is None or first.sequence not in within:
                return []
            room = max(1, most_bytes // max(1, 2 * len(first.body)))
            rest = range(first.sequence + 1, min(within.stop, first.sequence + min(most, room)))
            found = [first, *await self.messages(stream, rest)]
            return [one for one in found if matches(subject, one.subject)]
        if self._client.info.version_numbers >= BATCH_GET_VERSION:
            wanted |= {"batch": most, "max_bytes": most_bytes}
            found = await self._batch_again(stream, wanted)
        else:
            found = await self.following(stream, subject, within.start, most)
        return [one for one in found if one.sequence in within]

    async def _batch_again(self, stream: str, wanted: Mapping[str, Any]) -> list[StoredMessage]:
        """A batch, also where the connection is lost meanwhile: a lost answer is not waited for for long."""
        for patience in _PATIENCE_SECONDS:
            with suppress(QueueUnavailable, NobodyListening):
                return await self._batch(stream, wanted, patience)
            await asyncio.sleep(RETRY_SECONDS)
        return await self._batch(stream, wanted, self._timeout)

    async def _batch(
        self, stream: str, wanted: Mapping[str, Any], patience: float
    ) -> list[StoredMessage]:
        """Fewer than there are where the connection is lost; QueueUnavailable where that leaves nothing."""
        found: list[StoredMessage] = []
        body, subject = msgspec.json.encode(wanted), f"$JS.API.DIRECT.GET.{stream}"
        async with asking(self._client, subject, body, patience) as answers:
            async for headers, payload in answers:
                message = stored_message(headers, payload)
                if message is None:  # the end of the batch, or nothing found
                    return found
                found.append(message)
        if not found:
            raise self._silent(patience)
        return found

    async def listed(self, subject: str, key: str) -> list[dict[str, Any]]:
        """Every page of a list."""
        rows: list[dict[str, Any]] = []
        while True:
            page = await self.call(subject, {"offset": len(rows)})
            rows += page.get(key) or []
            if not page.get(key) or len(rows) >= page.get("total", 0):
                return rows

    async def _ask(self, subject: str, body: bytes) -> Reply:
        """Ask until there is an answer: a restarted server has no JetStream for a moment."""
        patience = self._timeout + (ELECTION_SECONDS if self._client.info.cluster else 0)
        deadline = asyncio.get_running_loop().time() + patience
        wait = FIRST_WAIT_SECONDS if self._client.info.cluster else math.inf
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    until = min(deadline, self._client.loop.time() + wait)
                    answer = await self._ask_once(subject.encode(), body, until)
                    if answer is not None:
                        return answer
                    if self._client.loop.time() >= until:
                        wait = min(wait * 1.5, LONGEST_WAIT_SECONDS)
                    await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError as error:
            raise self._silent(patience) from error

    def _silent(self, patience: float) -> QueueUnavailable:
        return QueueUnavailable(
            f"the queue at {self._client.address.shown} did not answer within {patience:g} s"
            f" ({_doubt(self._client.info)})"
        )

    async def _ask_once(self, subject: bytes, body: bytes, deadline: float) -> Reply | None:
        try:
            headers, answer = await self._client.request(subject, body, deadline)
        except (ConnectionLost, TimeoutError):
            return None
        if _not_ready(answer) or (headers and headers.startswith(NO_RESPONDERS)):
            return None
        return headers, answer


def _not_ready(answer: bytes) -> bool:
    return b'"err_code":10' in answer and any(
        b'"err_code":%d,' % code in answer for code in NOT_READY
    )


def _doubt(info: ServerInfo) -> str:
    if info.cluster:
        return "are most servers of the cluster up, and is JetStream switched on there?"
    return "is JetStream switched on there?"


def stored_message(headers: bytes | None, body: bytes) -> StoredMessage | None:
    """A direct get's answer; None where there is no such message."""
    fields = parse_headers(headers) if headers else {}
    if "Nats-Sequence" not in fields:
        return None
    return StoredMessage(
        subject=fields.pop("Nats-Subject", ""),
        sequence=int(fields.pop("Nats-Sequence")),
        headers=fields,
        body=body,
    )
