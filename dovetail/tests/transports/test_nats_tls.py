"""NATS over TLS, with a certificate of the test's own."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dovetail import QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered, numbers
from dovetail.testing.conformance.waiting import Seen
from dovetail.testing.servers import NatsServer, ServerMissing

NewServer = Callable[..., Awaitable[NatsServer]]


@pytest.fixture
async def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, with its key beside it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise ServerMissing("openssl was not found; on Debian: apt-get install openssl")
    path = tmp_path / "certificate.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=test"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(path)]
    process = await asyncio.create_subprocess_exec(
        openssl, *options.split(), *names, *files, stderr=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0
    return path


@pytest.fixture
async def server(new_nats_server: NewServer, certificate: Path) -> NatsServer:
    key = certificate.with_name("key.pem")
    config = (
        f"tls {{ cert_file: {json.dumps(str(certificate))}, key_file: {json.dumps(str(key))} }}"
    )
    return await new_nats_server(config=config, scheme="tls")


@pytest.mark.parametrize("scheme", ["tls", "nats"])
async def test_trusted_server(
    server: NatsServer, certificate: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """A `nats://` address will do where the server asks for TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    event, seen = numbered(), Seen[Numbered]()
    url = server.url.replace("tls://", f"{scheme}://")
    async with connect(url) as queue, Worker(queue, [recording(event, seen)]):
        await queue.publish_many([event(number, "x" * 1000) for number in range(200)])
        assert numbers(await seen.has(200)) == list(range(200))
        await server.kill()
        await server.start()
        await queue.publish(event(200))
        await seen.has(201)


async def test_server_that_nobody_vouches_for(server: NatsServer) -> None:
    with pytest.raises(QueueUnavailable, match="certificate verify failed"):
        await connect(server.url, patience=0).__aenter__()


async def test_server_without_tls(new_nats_server: NewServer) -> None:
    server = await new_nats_server()
    with pytest.raises(QueueUnavailable):
        await connect(f"tls://{server.host}:{server.port}", patience=0).__aenter__()
