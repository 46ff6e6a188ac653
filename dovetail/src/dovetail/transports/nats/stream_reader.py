"""Reads stored messages back from streams."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from dovetail.codec.subjects import matches
from dovetail.errors import NobodyListening, QueueUnavailable
from dovetail.transports.nats.api_errors import MESSAGE_NOT_FOUND, ApiError
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.headers import parse_headers
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.limits import BATCH_SECONDS, RETRY_SECONDS
from dovetail.transports.nats.requests import asking

#: From this version on, one request reads many messages (ADR-31).
BATCH_GET_VERSION = (2, 11)
#: The header field of a stored message that says when it was stored.
TIME_STAMP = "Nats-Time-Stamp"


class StoredMessage(msgspec.Struct, frozen=True):
    """A message read back from a stream."""

    subject: str
    sequence: int
    headers: dict[str, str]
    body: bytes


class StreamReader:
    """Reads one message, or many of them; changes nothing."""

    def __init__(self, client: Client, api: JetStream) -> None:
        self._client = client
        self._api = api

    async def message(self, stream: str, wanted: Mapping[str, Any]) -> StoredMessage | None:
        """The one that is wanted, read from the stream's leader.

        Any copy answers a direct get, also one that has yet to hear what the others have stored.
        """
        try:
            found = (await self._api.call(f"STREAM.MSG.GET.{stream}", wanted))["message"]
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
        if self._reads_batches:
            return await self._batch(stream, {**wanted, "batch": most}, self._api.timeout)
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
        if self._reads_batches:
            wanted |= {"batch": most, "max_bytes": most_bytes}
            found = await self._batch_again(stream, wanted)
        else:
            found = await self.following(stream, subject, within.start, most)
        return [one for one in found if one.sequence in within]

    @property
    def _reads_batches(self) -> bool:
        return self._client.info.version_numbers >= BATCH_GET_VERSION

    async def _batch_again(self, stream: str, wanted: Mapping[str, Any]) -> list[StoredMessage]:
        """A batch, also where the connection is lost meanwhile: a lost answer is not waited for for long."""
        for patience in BATCH_SECONDS:
            with suppress(QueueUnavailable, NobodyListening):
                return await self._batch(stream, wanted, patience)
            await asyncio.sleep(RETRY_SECONDS)
        return await self._batch(stream, wanted, self._api.timeout)

    async def _batch(
        self, stream: str, wanted: Mapping[str, Any], patience: float
    ) -> list[StoredMessage]:
        """Fewer than there are where the connection is lost; QueueUnavailable where that leaves nothing."""
        found: list[StoredMessage] = []
        body, subject = msgspec.json.encode(wanted), f"$JS.API.DIRECT.GET.{stream}"
        async with asking(self._client, subject, body, patience) as answers:
            async for headers, payload in answers:
                message = _stored_message(headers, payload)
                if message is None:  # the end of the batch, or nothing found
                    return found
                found.append(message)
        if not found:
            raise self._api.silent(patience)
        return found


def _stored_message(headers: bytes | None, body: bytes) -> StoredMessage | None:
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
