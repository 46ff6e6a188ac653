"""Dead letters: a stream of them, each with its reason in JSON and the message's bytes as they were."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

import msgspec

from dovetail.errors import DeadLetterNotFound
from dovetail.letters import DeadLetter, LetterFilter
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.entry import Fields, content_of, fields_of
from dovetail.transports.redis.layout import TAG

_STREAM = f"{TAG}:dead"
_ID = re.compile(r"\d+-\d+")
#: Letters read in one go.
_PAGE = 200


class Letterbox:
    """Lists, replays and drops dead letters."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def find(self, wanted: LetterFilter) -> Sequence[DeadLetter]:
        """As Transport.dead_letters."""
        if wanted.id is not None:
            if not _ID.fullmatch(wanted.id):
                return []
            entries = await self._client.run("XRANGE", _STREAM, wanted.id, wanted.id)
            return [one for one in map(_letter, entries) if wanted.takes(one)]
        found: list[DeadLetter] = []
        last = "+"
        while len(found) < wanted.most:
            entries = await self._client.run("XREVRANGE", _STREAM, last, "-", "COUNT", _PAGE)
            found += [one for one in map(_letter, entries) if wanted.takes(one)]
            if len(entries) < _PAGE:
                break
            last = f"({entries[-1][0].decode()}"
        return found[: wanted.most]

    async def replay(self, letter: DeadLetter, body: bytes) -> None:
        """As Transport.replay."""
        await self._drop(letter, *fields_of(body, letter.headers, letter.subject))

    async def drop(self, letter: DeadLetter) -> None:
        """As Transport.drop."""
        await self._drop(letter)

    async def _drop(self, letter: DeadLetter, *fields: str | bytes) -> None:
        what = letter.id, letter.group, letter.claimed, secrets.token_hex(8)
        if not await self._client.script("drop", *what, *fields):
            raise DeadLetterNotFound(letter.id)


def _letter(entry: tuple[bytes, Fields]) -> DeadLetter:
    letter_id, fields = entry
    body, headers, _ = content_of(fields)
    about = msgspec.json.decode((headers or {})["letter"], type=DeadLetter)
    return msgspec.structs.replace(about, id=letter_id.decode(), body=body)
