"""What one client may use up of page and API, and what it is told where it wants more."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from starlette.applications import Starlette

from todo.http import limits, protocol

from .support import HEAD, Client, answer, client, serving, small_app

POST = b"POST /take HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def app() -> Starlette:
    return small_app()


@pytest_asyncio.fixture
async def port(app: Starlette) -> AsyncIterator[int]:
    async with serving(app) as port:
        yield port


async def test_what_is_within_bounds_is_served(port: int) -> None:
    async with client(port) as one:
        for _ in range(2):
            await one.send(HEAD + b"X-Long: " + b"x" * 60_000 + b"\r\n\r\n")
            assert await one.status() == 200
            await one.reader.readuntil(b"home")
    body = b"".join(b"1\r\nx\r\n" for _ in range(100_000))
    many = POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + body + b"0\r\n\r\n"
    status, rest = await answer(port, many)
    assert (status, rest[-6:]) == (200, b"100000")


@pytest.mark.parametrize(
    "endless",
    [
        HEAD + b"X-Long: ",
        HEAD + b"".join(b"X-%d: x\r\n" % number for number in range(10)),
        b"GET /",
        b"\r\n" * 8,
        POST + b"Transfer-Encoding: chunked\r\n\r\n1;ext=",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: ",
    ],
    ids=["one header", "many headers", "address", "nothing", "chunk extension", "trailer"],
)
async def test_a_head_without_an_end_is_431_and_takes_no_memory(port: int, endless: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    more = b"X-More: x\r\n" * 6000 if endless.endswith(b"\r\n") else b"x" * 66_000
    if endless == b"\r\n" * 8:
        more = endless * 4096
    async with client(port) as one:
        await one.send(endless)
        # As much as a hostile client sends without looking at the answer.
        for _ in range(400):
            await one.send(more)
        assert await one.status() == 431
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "KiB"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: " + b"0" * 5000,
        b"Content-Length: " + b"9" * 20,
        b"Content-Length: " + b"9" * 5000,
        b"Content-Length: -1",
        b"Content-Length: +1",
        b"Content-Length: 0x10",
        b"Content-Length: 1_0",
        b"Content-Length: 1, 1",
        b"Content-Length: \xb2",
        b"Content-Length: 1\r\nContent-Length: 2",
        b"Content-Length: 4\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4",
        b"Transfer-Encoding: chunked, identity",
        b"Host: other",
        b"No colon",
        b"Nul: \x00",
        b" Folded: x",
    ],
    ids=lambda headers: headers[:40].decode("latin-1").encode("unicode_escape").decode(),
)
async def test_malformed_lengths_and_headers_are_400(port: int, headers: bytes) -> None:
    status, rest = await answer(port, POST + headers + b"\r\n\r\n0\r\n\r\n")
    assert status == 400
    assert b"nosniff" in rest
    assert b"no-store" in rest


@pytest.mark.parametrize(
    "chunks",
    [b"zz\r\nx\r\n", b"-1\r\nx\r\n", b"1\r\nxx\r\n", b"f" * 40 + b"\r\n", b"\x00"],
    ids=["no number", "negative", "longer than said", "too large a number", "nul"],
)
async def test_malformed_chunks_are_400(port: int, chunks: bytes) -> None:
    status, _ = await answer(port, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert status == 400


async def test_no_traceback_and_no_line_for_what_strangers_send(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    for request in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"):
        assert (await answer(port, request))[0] == 400
    assert caplog.text == ""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.2)
    monkeypatch.setattr(protocol, "KEEP_ALIVE_SECONDS", 0.1)
    monkeypatch.setattr(protocol, "LOOK_SECONDS", 0.05)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 0),
        (b"\r\n", 408),
        (b"GET", 408),
        (HEAD, 408),
        (POST + b"Content-Length: 9\r\n\r\nx", 408),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx", 408),
    ],
    ids=["nothing", "empty line", "method", "headers", "body", "chunk"],
)
async def test_who_does_not_go_on_is_ended(app: Starlette, sent: bytes, status: int) -> None:
    async with serving(app) as port, client(port) as one:
        await one.send(sent)
        assert await one.status() == status
        await one.rest()


@pytest.mark.usefixtures("impatient")
async def test_who_has_an_answer_and_asks_no_more_is_ended(app: Starlette) -> None:
    async with serving(app) as port, client(port) as one:
        await one.send((HEAD + b"\r\n") * 2)
        assert (await one.rest()).count(b"HTTP/1.1 200") == 2


async def _drip(one: Client) -> None:
    while True:
        await one.send(b"X: x\r\n")
        await asyncio.sleep(0.02)


@pytest.mark.usefixtures("impatient")
async def test_who_goes_on_too_slowly_is_ended(app: Starlette) -> None:
    async with serving(app) as port, client(port) as one:
        await one.send(HEAD)
        dripping = asyncio.create_task(_drip(one))
        assert await one.status() == 408
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)


@pytest.mark.usefixtures("impatient")
async def test_who_does_not_read_is_ended(app: Starlette) -> None:
    async with serving(app) as port, client(port) as one:
        one.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await one.send(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(10):
            await app.state.ended.wait()


@pytest.mark.usefixtures("impatient")
async def test_an_answer_may_take_longer_than_a_request(app: Starlette) -> None:
    async with serving(app) as port, client(port) as one:
        await one.send(b"GET /held HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(0.5)
        app.state.let_go.set()
        assert await one.status() == 200


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for four connections, and for the refusal of four more."""
    monkeypatch.setattr(limits.ConnectionLimit, "__init__", lambda self: self.__dict__.update(ROOM))


ROOM = {"most": 4, "refused_most": 4, "backlog": 16}


@pytest.mark.usefixtures("narrow")
async def test_too_many_at_work_are_503_and_said_once(
    app: Starlette, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(app) as port:
        async with client(port) as a, client(port) as b, client(port) as c, client(port) as d:
            at_work = (a, b, c, d)
            for one in at_work:
                await one.send(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(10):
                while app.state.held < len(at_work):  # noqa: ASYNC110 - as good as a signal here
                    await asyncio.sleep(0.01)
            for _ in range(3):
                status, rest = await answer(port, HEAD + b"\r\n")
                assert status == 503
                assert b"retry-after: 2" in rest
            app.state.let_go.set()
            for one in at_work:
                assert await one.status() == 200
        assert [line.count("ulimit -n") for line in caplog.messages] == [1]


@pytest.mark.usefixtures("narrow")
async def test_idle_ones_keep_nobody_out(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "IDLE_SECONDS", 0.0)
    async with serving(app) as port, client(port), client(port), client(port), client(port):
        for _ in range(8):
            assert (await answer(port, HEAD + b"Connection: close\r\n\r\n"))[0] == 200


def test_a_process_keeps_some_of_its_descriptors() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    room = limits.ConnectionLimit()
    assert 0 < room.most < limit - room.refused_most - room.backlog
