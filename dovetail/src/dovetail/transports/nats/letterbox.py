"""Dead letters on JetStream: the message as it was, with the reason in one header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from dovetail.errors import DeadLetterNotFound
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.transports.nats import layout
from dovetail.transports.nats.headers import header_block
from dovetail.transports.nats.jetstream import STREAM_NOT_FOUND, ApiError, JetStream, StoredMessage
from dovetail.transports.nats.publisher import Publisher
from dovetail.transports.nats.wire import HEADROOM_BYTES

_HEADER = "Dovetail-Letter"
#: Letters read in one go.
_PAGE = 200


class Letterbox:
    """Keeps, lists, replays and drops dead letters."""

    def __init__(self, api: JetStream, publisher: Publisher) -> None:
        self._api = api
        self._publisher = publisher

    async def keep(self, letter: DeadLetter, id: str) -> None:
        """Keep the letter; a second time with the same id changes nothing."""
        headers, body = _headers(letter, id), letter.body
        most = self._publisher.most_bytes
        if len(headers) > HEADROOM_BYTES // 2 or len(headers) + len(body) > most:
            letter = msgspec.structs.replace(
                letter, traceback="", headers=None, reason=letter.reason[:1000]
            )
            headers = _headers(letter, id)
        if (room := most - len(headers)) < len(body):  # never a message of ours: they leave room
            kept = room - 200
            reason = f"{letter.reason} (kept are {kept} of {len(body)} bytes, the most there is room for)"
            headers = _headers(msgspec.structs.replace(letter, reason=reason), id)
            body = body[:kept]
        await self._publisher.publish(
            f"dovetail.dead.{letter.group}.{letter.subject}", body, headers
        )

    async def find(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """As Transport.dead_letters."""
        if wanted.id is not None:
            known = wanted.id.isdecimal() and (await self._state())["last_seq"] >= int(wanted.id)
            sequences = [int(wanted.id)] if known else []
            return [one for one in await self._read(sequences) if wanted.takes(one)]
        state = await self._state()
        first, last = state["first_seq"], state["last_seq"]
        found: list[DeadLetter] = []
        while last >= first and len(found) < wanted.most:
            page = range(last, max(first, last - _PAGE + 1) - 1, -1)
            found += [one for one in await self._read(page) if wanted.takes(one)]
            last -= _PAGE
        return found[: wanted.most]

    async def replay(self, letter: DeadLetter, body: bytes) -> None:
        """As Transport.replay."""
        if not await self._read([int(letter.id)]):
            raise DeadLetterNotFound(letter.id)
        subject = letter.subject
        kind: Literal["event", "command"] = "command"
        if letter.kind == "event":
            subject = layout.replay_subject(letter.group, letter.claimed, letter.subject)
            kind = "event"
        # The id makes a replay that is repeated, because dropping failed, harmless.
        headers = header_block({**(letter.headers or {}), "Nats-Msg-Id": f"replay-{letter.id}"})
        await self._publisher.publish(subject, body, headers, kind)
        await self.drop(letter)

    async def drop(self, letter: DeadLetter) -> None:
        """As Transport.drop."""
        try:
            await self._api.call(
                f"STREAM.MSG.DELETE.{layout.DEAD}", {"seq": int(letter.id), "no_erase": True}
            )
        except ApiError as error:
            raise DeadLetterNotFound(letter.id) from error

    async def counts(self) -> dict[str, int]:
        """How many there are, by `<group>.<subject>`."""
        subjects = (await self._state()).get("subjects") or {}
        return {
            subject.removeprefix("dovetail.dead."): count for subject, count in subjects.items()
        }

    async def _state(self) -> dict[str, Any]:
        """The stream's; it is not there before the first worker was."""
        try:
            info = await self._api.call(f"STREAM.INFO.{layout.DEAD}", {"subjects_filter": ">"})
        except ApiError as error:
            if error.code != STREAM_NOT_FOUND:
                raise
            return {"first_seq": 1, "last_seq": 0}
        state: dict[str, Any] = info["state"]
        return state

    async def _read(self, sequences: Sequence[int]) -> list[DeadLetter]:
        return [_letter(message) for message in await self._api.messages(layout.DEAD, sequences)]


def _headers(letter: DeadLetter, id: str) -> bytes:
    about = msgspec.structs.replace(letter, body=b"")
    return header_block({"Nats-Msg-Id": id, _HEADER: msgspec.json.encode(about).decode()})


def _letter(message: StoredMessage) -> DeadLetter:
    about = msgspec.json.decode(message.headers[_HEADER], type=DeadLetter)
    return msgspec.structs.replace(about, id=str(message.sequence), body=message.body)
