"""No secret is ever shown: in logs, errors, tracebacks with variables, representations, the status."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pamqp import commands, frame
from pamqp.base import Frame

from dovetail import (
    DovetailError,
    QueueUnavailable,
    Worker,
    connect,
)
from dovetail.embedded.ports import free_port
from dovetail.network import connecting
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered
from dovetail.testing.conformance.waiting import Seen, until
from dovetail.testing.servers import Server

from .looking import representations, shown_of
from .nats_keys import Key, Operator
from .technology import NewServer, Technology, address

#: Stands in every password here, whichever of its other characters are encoded.
SECRET = "q7hush"
PASSWORD = f"Z{SECRET}/@%é"
LOGINS = [f"u:%5A{SECRET}%2F%40%25%C3%A9", f"u{SECRET}:{SECRET}", f":{SECRET}", f"u:p@{SECRET}"]


class Watch:
    """What was said to the outside so far."""

    def __init__(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
        caplog.set_level(logging.DEBUG)
        self._caplog = caplog
        self._capfd = capfd

    def check(self, *more: str, secrets: tuple[str, ...] = (SECRET,)) -> None:
        """None of it has a secret."""
        records = [f"{one.getMessage()} {one.args!r}" for one in self._caplog.records]
        said = "\n".join([*records, self._caplog.text, *self._capfd.readouterr(), *more])
        assert said.strip()
        assert [secret for secret in secrets if secret in said] == []

    async def failing(self, url: str, *secrets: str) -> str:
        """What is shown when connecting to this address fails."""
        try:
            async with connect(url, patience=0.1, timeout=0.3):
                pass
        except DovetailError as error:
            shown = shown_of(error)
        else:
            raise AssertionError("it does not fail")
        self.check(shown, secrets=secrets or (SECRET,))
        return shown


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Watch:
    return Watch(caplog, capfd)


async def test_the_watch_sees_what_it_should(watch: Watch) -> None:
    """The test of the tests."""
    with pytest.raises(AssertionError):
        watch.check(f"nats://u:{SECRET}@host")
    with pytest.raises(AssertionError):
        watch.check(shown_of(ValueError(SECRET)))
    logging.getLogger("x").debug("%s", PASSWORD)
    with pytest.raises(AssertionError):
        watch.check()


@pytest.mark.parametrize(
    "rest",
    [
        f"u:{SECRET}@host:port",
        f"u:{SECRET}@",
        f"u:{SECRET}@host:99999",
        f"u:{SECRET}@[host",
        f"u:{SECRET}@host/database/path",
        f"u:{SECRET}@host?tls=yes",
        f"u:{SECRET}@host?ca=a&key=b",
        f"u:p?{SECRET}@host",
        f"u:p?{SECRET}=1@host",
        f"u:p#{SECRET}@host:port",
        f"u:p/{SECRET}@host:port",
        f"u:{SECRET}:{SECRET}",
        f"u:{SECRET}@one,u:{SECRET}@two:port",
        f"host?password={SECRET}",
        f"host?{SECRET}",
    ],
)
async def test_wrong_addresses(technology: Technology, watch: Watch, rest: str) -> None:
    for scheme in (technology.plain, technology.tls, "kafka"):
        await watch.failing(f"{scheme}://{rest}")


@pytest.mark.parametrize("url", [f"u:{SECRET}@host", f"{SECRET}@host", f"nats:u:{SECRET}@host"])
async def test_addresses_without_a_scheme(watch: Watch, url: str) -> None:
    await watch.failing(url)


# Servers that do not take us


@pytest.fixture(params=LOGINS)
def login(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


async def test_refused(
    technology: Technology, shared_server: NewServer, tmp_path: Path, watch: Watch, login: str
) -> None:
    server = await shared_server(**technology.with_password("u", "other", tmp_path))
    shown = await watch.failing(address(technology, server, login=login))
    assert "refused the user" in shown


async def test_nothing_listens(technology: Technology, watch: Watch, login: str) -> None:
    url = f"{technology.plain}://{login}@127.0.0.1:{free_port()}"
    assert "connection refused" in await watch.failing(url)


async def test_unknown_host(
    technology: Technology, watch: Watch, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "UNKNOWN_HOST_SECONDS", 0.0)
    url = f"{technology.plain}://{login}@no-such-host.invalid"
    assert "cannot be resolved" in await watch.failing(url)


async def test_refused_tls(
    technology: Technology, shared_server: NewServer, certificate: Path, watch: Watch, login: str
) -> None:
    server = await shared_server(**technology.with_tls(certificate))
    assert "not trusted" in await watch.failing(address(technology, server, tls=True, login=login))
    url = address(technology, server, tls=True, login=login, ca=Path("/no/such/file"))
    assert "No such file" in await watch.failing(url)


GREETING = b'INFO {"version":"%s"}\r\n'


def amqp(*methods: Frame) -> bytes:
    return b"".join(frame.marshal(method, 0) for method in methods)


def start(version: str) -> bytes:
    return amqp(commands.Connection.Start(0, 9, {"product": "RabbitMQ", "version": version}))


def closing(code: int, text: str) -> bytes:
    return amqp(commands.Connection.Close(code, text, 0, 0))


#: What they say at first, and what they answer; {} is what they heard.
STRANGE = {
    "nats": [
        (b"", b""),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", b""),
        (GREETING % b"1.4.1", b"PONG\r\n"),
        (GREETING % b"2.11.0", b"-ERR 'Maximum Connections Exceeded'\r\n"),
        (GREETING % b"2.11.0", b"{}"),
    ],
    "redis": [
        (b"", b""),
        (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        (b"", b"%3\r\n+version\r\n+6.2.14\r\n+id\r\n:1\r\n+role\r\n+master\r\n"),
        (b"", b"-ERR unknown command `HELLO`, with args beginning with: {}\r\n"),
        (b"", b"-ERR what is {}\r\n"),
        (b"", b"-NOAUTH {}\r\n"),
        (b"", b"{}"),
    ],
    "rabbit": [
        (b"", b""),
        (b"", b"AMQP\x00\x01\x00\x00"),
        (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        (b"", b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\xff\xce"),
        (start("3.9.29"), b""),
        (start("3.10.8"), b"{}"),
        (start("3.10.8"), amqp(commands.Connection.Secure("more"))),
        (start("3.10.8"), closing(403, f"ACCESS_REFUSED - no such login: u {PASSWORD}")),
        (start("3.10.8"), closing(530, f"NOT_ALLOWED - vhost {PASSWORD} not found")),
        (start("3.10.8"), closing(541, f"INTERNAL_ERROR - {PASSWORD}")),
    ],
}


async def test_strange_servers(technology: Technology, watch: Watch) -> None:
    """Also those that repeat what we said."""
    for first, answer in STRANGE[technology.name]:
        async with saying(first, answer) as port:
            await watch.failing(f"{technology.plain}://{LOGINS[0]}@127.0.0.1:{port}")


@asynccontextmanager
async def saying(first: bytes, answer: bytes) -> AsyncIterator[int]:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        if answer:
            heard = await reader.read(1000)
            if first and heard.startswith(b"AMQP"):
                heard = await reader.read(1000)  # after our greeting comes who we are
            writer.write(answer.replace(b"{}", heard.replace(b"\r\n", b" ")))
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


# Signed in


async def test_lost_and_refused_while_connected(
    technology: Technology,
    new_server: NewServer,
    tmp_path: Path,
    watch: Watch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At work, down, back with another password, and published to in vain."""
    server: Server = await new_server(**technology.with_password("u", PASSWORD, tmp_path))
    url = address(technology, server, login=LOGINS[0])
    event, seen = numbered(), Seen[Numbered]()
    async with connect(url, timeout=0.3) as queue, Worker(queue, [recording(event, seen)]):
        await queue.publish(event(1))
        await seen.has(1)
        watch.check(repr(await queue.status()), representations(queue))
        await server.kill()
        with pytest.raises(QueueUnavailable) as caught:
            await queue.publish(event(2))
        for name, value in technology.with_password("u", "other", tmp_path).items():
            setattr(server, name, value)
        await server.start()

        async def is_refused() -> bool:
            return "refused the user" in caplog.text

        await until(is_refused, "it says why it cannot")
        watch.check(shown_of(caught.value), representations(queue))


@pytest.mark.parametrize("password", [PASSWORD, "other"])
@pytest.mark.parametrize("form", [[], ["--json"]])
async def test_status(
    technology: Technology,
    shared_server: NewServer,
    tmp_path: Path,
    watch: Watch,
    password: str,
    form: list[str],
) -> None:
    server = await shared_server(**technology.with_password("u", password, tmp_path))
    url = address(technology, server, login=LOGINS[0])
    command = Path(sys.executable).with_name("dovetail")
    process = await asyncio.create_subprocess_exec(command, "status", url, *form)
    assert (await process.wait() == 0) == (password == PASSWORD)
    watch.check()


# Keys


async def test_keys(new_nats_server: NewServer, tmp_path: Path, watch: Watch) -> None:
    """The files may be named; what is in them may not."""
    operator, seed, file = Operator(), Key("user").seed, tmp_path / "file"
    server = await new_nats_server(config=operator.config)
    at = f"nats://{server.host}:{server.port}"
    file.write_text(seed)
    assert str(file) in await watch.failing(f"{at}?credentials={file}", seed)
    assert "refused" in await watch.failing(f"{at}?nkey={file}", seed)

    Operator().user(file)
    jwt, theirs = contents(file)
    assert "refused" in await watch.failing(f"{at}?credentials={file}", jwt, theirs)
    file.write_text(f"{jwt} {theirs}")
    await watch.failing(f"{at}?credentials={file}", jwt, theirs)
    file.write_text(theirs[:-1])
    await watch.failing(f"{at}?nkey={file}", jwt, theirs[:-1])

    secrets = contents(operator.user(file))
    async with connect(f"{at}?credentials={file}", setting="URL") as queue:
        await queue.publish(numbered()(1))
        watch.check(representations(queue), secrets=secrets)


def contents(file: Path) -> tuple[str, str]:
    """JWT and seed."""
    lines = file.read_text().splitlines()
    jwt, seed = lines[1], lines[-2]
    assert jwt.startswith("ey")
    assert seed.startswith("SU")
    return jwt, seed
