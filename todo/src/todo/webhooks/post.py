"""Sends one HTTP request within limits: to a checked address, without redirects, and in limited time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

from dovetail import plain_error
from todo.webhooks.public import addresses_of

#: Bytes of an answer that are read at most: its status is all that counts.
MOST_BYTES = 65_536
#: How long closing a connection politely may take.
_CLOSE_SECONDS = 1.0


class Unreachable(Exception):
    """No connection could be made: nobody listens there, or the certificate names somebody else."""


class NoHttp(Exception):
    """What answered does not speak HTTP, or closed the connection early."""


@dataclass(frozen=True)
class Answer:
    """The parts of an answer that matter."""

    status: int
    retry_after: str = ""


@dataclass(frozen=True)
class Limits:
    """The limits of a request."""

    seconds: float = 10.0
    #: Whether it may reach private addresses.
    private: bool = False


async def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    limits: Limits,
    trusted: ssl.SSLContext | None = None,
) -> Answer:
    """Send the body and return the answer, whatever its status; a redirect is not followed.

    Raises PrivateAddress, Unreachable, NoHttp, and TimeoutError.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    name = f"[{host}]" if ":" in host else host
    head = {
        "Host": name if parts.port is None else f"{name}:{port}",
        **headers,
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = "".join(f"{key}: {value}\r\n" for key, value in head.items())
    request = f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body
    tls = (trusted or ssl.create_default_context()) if secure else None
    async with asyncio.timeout(limits.seconds):
        reader, writer = await _connected(host, port, limits, tls)
        try:
            writer.write(request)
            # The answer may come before the request is read to its end.
            sending = asyncio.create_task(_drained(writer))
            try:
                return await _answer(reader)
            finally:
                sending.cancel()
        finally:
            await _close(writer)


async def _connected(
    host: str, port: int, limits: Limits, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to one of the host's addresses; the certificate is for its name."""
    try:
        addresses = await addresses_of(host, port, private=limits.private)
    except OSError as error:
        raise Unreachable(f"the name {host} leads nowhere: {plain_error(error)}") from error
    trouble: OSError | None = None
    for address in addresses:
        try:
            return await asyncio.open_connection(
                address, port, ssl=tls, server_hostname=host if tls else None
            )
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(f"its certificate will not do: {error.verify_message}") from error
        except OSError as error:
            trouble = error
    assert trouble is not None
    raise Unreachable(plain_error(trouble)) from trouble


class _Reading:
    """Reads one answer; httptools calls the `on_…` methods. What comes before it (100, 103) is none."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._retry_after = ""
        #: What the head says, once that has ended.
        self.answer: Answer | None = None
        self.ended = False

    def feed(self, chunk: bytes) -> None:
        """Take what came. Raises NoHttp."""
        try:
            self._parser.feed_data(chunk)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise NoHttp("what came back is no HTTP") from error

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            self.answer = Answer(status, self._retry_after)

    def on_message_complete(self) -> None:
        self.ended = self.answer is not None


async def _answer(reader: asyncio.StreamReader) -> Answer:
    reading = _Reading()
    read = 0
    try:
        while not reading.ended and read < MOST_BYTES:
            chunk = await reader.read(MOST_BYTES - read)
            if not chunk:
                break
            read += len(chunk)
            reading.feed(chunk)
    except OSError as error:
        if reading.answer is None:
            raise NoHttp(f"it broke off: {plain_error(error)}") from error
    if reading.answer is None:
        raise NoHttp("it closed the connection without an answer")
    return reading.answer


async def _drained(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.drain()
    except OSError:
        return  # reading says what it is about


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
