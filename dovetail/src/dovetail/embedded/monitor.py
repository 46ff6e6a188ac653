"""What the server's monitor tells of its store: streams, and how far their consumers are."""

from __future__ import annotations

import asyncio

import msgspec

#: How long the monitor has to answer.
ANSWER_SECONDS = 3.0
_REQUEST = b"GET /jsz?streams=true&consumers=true HTTP/1.0\r\n\r\n"


class _Numbers(msgspec.Struct):
    messages: int
    last_seq: int


class _Delivered(msgspec.Struct):
    stream_seq: int = 0


class Consumer(msgspec.Struct):
    """How far one reader of a stream is."""

    name: str
    delivered: _Delivered
    num_pending: int = 0
    num_ack_pending: int = 0


class Stream(msgspec.Struct):
    """One stream, and who reads it."""

    name: str
    created: str
    state: _Numbers
    consumer_detail: list[Consumer] = []

    @property
    def waiting(self) -> int:
        """What the slowest of its readers has yet to handle."""
        return max(
            (one.num_pending + one.num_ack_pending for one in self.consumer_detail), default=0
        )

    @property
    def delivered(self) -> int:
        """The last sequence that one of its readers was given."""
        return max((one.delivered.stream_seq for one in self.consumer_detail), default=0)


class Account(msgspec.Struct):
    """The streams of one account."""

    name: str
    stream_detail: list[Stream] = []


class _Limits(msgspec.Struct):
    max_storage: int = 0


class StoreState(msgspec.Struct):
    """The whole store."""

    storage: int
    config: _Limits = msgspec.field(default_factory=_Limits)
    account_details: list[Account] = []

    @property
    def streams(self) -> dict[str, Stream]:
        """By their names."""
        return {one.name: one for account in self.account_details for one in account.stream_detail}


async def store_state(host: str, port: int) -> StoreState | None:
    """The store as the monitor at this port has it; None where it does not tell."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_REQUEST)
                answer = await reader.read(-1)
            finally:
                writer.close()
        return msgspec.json.decode(answer.partition(b"\r\n\r\n")[2], type=StoreState)
    except (OSError, msgspec.DecodeError):  # TimeoutError is an OSError
        return None
