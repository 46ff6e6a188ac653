"""The JetStream API over a client: requests in JSON, errors as exceptions."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from dovetail.errors import QueueUnavailable
from dovetail.network.protocol import ConnectionLost
from dovetail.transports.nats.api_errors import (
    NOT_READY,
    STREAM_NOT_FOUND,
    SWITCHED_OFF,
    ApiError,
    with_remedy,
)
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.headers import NO_RESPONDERS
from dovetail.transports.nats.limits import (
    ELECTION_SECONDS,
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    RETRY_SECONDS,
)


class JetStream:
    """Requests to `$JS.API`. Each waits for the connection and the server, for `timeout` seconds.

    In a cluster also for the election of a leader.
    """

    def __init__(self, client: Client, timeout: float) -> None:
        self._client = client
        self.timeout = timeout

    async def call(self, subject: str, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer as it is; ApiError where the server refuses, QueueUnavailable where it is silent."""
        body = msgspec.json.encode(payload) if payload else b""
        return await self._answer(f"$JS.API.{subject}", body)

    async def store(self, subject: str) -> None:
        """Store an empty message on a subject of ours; raises as `call` does."""
        await self._answer(subject, b"")

    async def _answer(self, subject: str, body: bytes) -> dict[str, Any]:
        answer, again = await self._ask(subject, body)
        reply: dict[str, Any] = msgspec.json.decode(answer)
        if (error := reply.get("error")) is None:
            return reply
        code, description = (
            error.get("err_code", error.get("code", 0)),
            error.get("description", ""),
        )
        if code in SWITCHED_OFF:
            raise QueueUnavailable(
                f"the queue at {self._client.address.shown} cannot keep messages: {description}; "
                "switch JetStream on there"
            )
        raise ApiError(
            code, with_remedy(description, subject.removeprefix("$JS.API.")), again=again
        )

    async def listed(self, subject: str, key: str) -> list[Any]:
        """Every page of a list."""
        return [row async for page in self._pages(subject, key) for row in page.get(key) or []]

    async def _pages(self, subject: str, key: str) -> AsyncIterator[dict[str, Any]]:
        rows = 0
        while True:
            page = await self.call(subject, {"offset": rows})
            yield page
            rows += len(page.get(key) or [])
            if not page.get(key) or rows >= page.get("total", 0):
                return

    async def stream(self, name: str, subjects: str | None = None) -> dict[str, Any] | None:
        """Settings and state, with how many messages each of these subjects has; None where there is none."""
        wanted = None if subjects is None else {"subjects_filter": subjects}
        return await self._found(f"STREAM.INFO.{name}", wanted)

    async def config(self, stream: str) -> dict[str, Any]:
        """The settings of a stream that must be there."""
        config: dict[str, Any] = (await self.call(f"STREAM.INFO.{stream}"))["config"]
        return config

    async def update(self, config: Mapping[str, Any], **changes: Any) -> None:
        """Change settings of a stream."""
        await self.call(f"STREAM.UPDATE.{config['name']}", {**config, **changes})

    async def purge(self, stream: str, subject: str, **wanted: Any) -> None:
        """Remove the messages of a subject; nothing happens where there is no such stream."""
        try:
            await self.call(f"STREAM.PURGE.{stream}", {"filter": subject, **wanted})
        except ApiError as error:
            if error.code != STREAM_NOT_FOUND:
                raise

    async def consumer(self, stream: str, name: str) -> dict[str, Any] | None:
        """Settings and state; None where there is none."""
        return await self._found(f"CONSUMER.INFO.{stream}.{name}")

    async def consumers(self, stream: str) -> list[dict[str, Any]]:
        """Settings and state of all consumers of a stream."""
        return await self.listed(f"CONSUMER.LIST.{stream}", "consumers")

    async def every_consumer(self, stream: str) -> list[dict[str, Any]]:
        """As `consumers`; QueueUnavailable where the server cannot tell of each of the groups' now."""
        total, untold = 0, set[str]()
        found: dict[str, dict[str, Any]] = {}
        async for page in self._pages(f"CONSUMER.LIST.{stream}", "consumers"):
            found |= {one["name"]: one for one in page.get("consumers") or []}
            # Where one is made or deleted between two pages, another can be left out.
            total = max(total, page.get("total", 0))
            untold |= {*(page.get("missing") or ()), *(page.get("offline") or ())}
        found.pop("", None)  # so a cluster lists what no running server has
        untold -= found.keys()
        # What looks at a stream for a moment is nobody's progress, and may have gone with its server.
        lost = {one for one in untold if "=" in one}
        if lost or len(found) + len(untold) < total:
            names = ", ".join(sorted(lost)) or f"some of {total}"
            raise QueueUnavailable(
                f"the queue at {self._client.address.shown} cannot tell now how far these consumers of the "
                f"stream {stream!r} have come: {names}; are servers of the cluster down?"
            )
        return [*found.values()]

    async def make_consumer(
        self, stream: str, config: Mapping[str, Any], action: str = ""
    ) -> dict[str, Any]:
        """Make it, or change it; `action` may be one of the two. Gives settings and state."""
        request = {"stream_name": stream, "config": config, "action": action}
        return await self.call(f"CONSUMER.CREATE.{stream}.{config['name']}", request)

    def silent(self, patience: float) -> QueueUnavailable:
        """There was no answer within so many seconds."""
        doubt = "is JetStream switched on there?"
        if self._client.info.cluster:
            doubt = f"are most servers of the cluster up, and {doubt}"
        return QueueUnavailable(
            f"the queue at {self._client.address.shown} did not answer within {patience:g} s ({doubt})"
        )

    async def _found(
        self, subject: str, wanted: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        try:
            return await self.call(subject, wanted)
        except ApiError as error:
            if not error.is_not_found:
                raise
            return None

    async def _ask(self, subject: str, body: bytes) -> tuple[bytes, bool]:
        """Ask until there is an answer: a restarted server has no JetStream for a moment.

        Also whether it was asked before, and the answer to that may have been lost.
        """
        clock, is_cluster = self._client.loop.time, bool(self._client.info.cluster)
        patience = self.timeout + (ELECTION_SECONDS if is_cluster else 0)
        deadline = clock() + patience
        wait, again = FIRST_WAIT_SECONDS if is_cluster else math.inf, False
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    until = min(deadline, clock() + wait)
                    try:
                        headers, answer = await self._client.request(subject.encode(), body, until)
                    except (ConnectionLost, TimeoutError):
                        again = True
                    else:
                        if not _is_not_ready(headers, answer):
                            return answer, again
                    if clock() >= until:
                        wait = min(wait * 1.5, LONGEST_WAIT_SECONDS)
                    await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError as error:
            raise self.silent(patience) from error


def _is_not_ready(headers: bytes | None, answer: bytes) -> bool:
    if headers and headers.startswith(NO_RESPONDERS):
        return True
    return b'"err_code":10' in answer and any(
        b'"err_code":%d,' % code in answer for code in NOT_READY
    )
