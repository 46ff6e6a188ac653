"""TLS to real servers that demand it: trusted, not trusted, missing, with certificates of the clients."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from dovetail import ConfigurationError, MessageQueue, QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, until

from .authority import Authority
from .refusing import SETTING, refused
from .technology import NewServer, Technology, address


async def test_authority_named_in_the_environment(
    technology: Technology,
    shared_server: NewServer,
    authority: Authority,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = await shared_server(**technology.with_tls(certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with connect(address(technology, server, tls=True)) as queue:
        await queue.publish(numbered()(1))


@pytest.mark.slow  # RabbitMQ takes ten seconds to start
async def test_certificate_of_a_private_authority(
    technology: Technology, new_server: NewServer, authority: Authority, certificate: Path
) -> None:
    """Named in the address; also after the server was restarted."""
    server = await new_server(**technology.with_tls(certificate))
    url = address(technology, server, tls=True, ca=authority.file)
    event, seen = numbered(), Seen[Numbered]()
    async with connect(url, timeout=20) as queue, Worker(queue, [recording(event, seen)]):
        await queue.publish_many([event(number, "x" * 1000) for number in range(200)])
        assert numbers(await seen.has(200)) == list(range(200))
        await server.kill()
        await server.start()
        await queue.publish(event(200))
        await seen.has(201)
        assert (await queue.status()).address == f"{technology.tls}://127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("whose", "says"),
    [
        ("stranger's", "unable to get local issuer certificate"),
        ("expired", "certificate has expired"),
        ("another host's", "Hostname mismatch|IP address mismatch"),
    ],
)
async def test_certificate_that_is_not_trusted(
    technology: Technology,
    new_server: NewServer,
    authority: Authority,
    tmp_path: Path,
    whose: str,
    says: str,
) -> None:
    issued = {
        "stranger's": lambda: Authority(tmp_path, "stranger").issue("server"),
        "expired": lambda: authority.issue("expired", age=timedelta(days=2)),
        "another host's": lambda: authority.issue("other", host="elsewhere.example"),
    }[whose]()
    server = await new_server(**technology.with_tls(issued))
    error = await refused(address(technology, server, tls=True, ca=authority.file))
    assert "its certificate is not trusted" in error
    assert "?ca=FILE in the address, or SSL_CERT_FILE" in error
    assert any(one in error for one in says.split("|"))


async def test_without_any_authority_named_only_those_of_the_system_are_trusted(
    technology: Technology, shared_server: NewServer, certificate: Path
) -> None:
    server = await shared_server(**technology.with_tls(certificate))
    assert "is not trusted" in await refused(address(technology, server, tls=True))


async def test_server_without_tls(
    technology: Technology, shared_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NATS and RabbitMQ say so; Redis goes on waiting for the rest of a command."""
    monkeypatch.setattr(technology.client, "CONNECT_SECONDS", 0.3)
    server = await shared_server()
    url = address(technology, server, tls=True)
    if technology.name == "nats":
        assert "offers no TLS" in await refused(url)
    elif technology.name == "rabbit":
        assert "it does not speak TLS on this port" in await refused(url)
    else:
        with pytest.raises(QueueUnavailable, match="does it speak TLS there"):
            await connect(url, setting=SETTING, patience=0.1).__aenter__()


async def test_server_that_demands_tls_and_a_plain_address(
    technology: Technology,
    shared_server: NewServer,
    authority: Authority,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NATS asks for TLS and gets it, with the same care; RabbitMQ says so; Redis just hangs up."""
    server = await shared_server(**technology.with_tls(certificate))
    url = address(technology, server)
    if technology.name == "nats":
        assert "is not trusted" in await refused(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        async with connect(url) as queue:
            await queue.publish(numbered()(1))
    elif technology.name == "rabbit":
        assert "write amqps: instead of amqp:" in await refused(url)
    else:
        with pytest.raises(QueueUnavailable, match="does it want TLS"):
            await connect(url, setting=SETTING, patience=0.1).__aenter__()


async def test_certificates_of_clients(
    technology: Technology,
    shared_server: NewServer,
    authority: Authority,
    certificate: Path,
    tmp_path: Path,
) -> None:
    server = await shared_server(**technology.with_tls(certificate, authority.file))
    ours = authority.issue("client")
    async with connect(
        address(technology, server, tls=True, ca=authority.file, cert=ours)
    ) as queue:
        await queue.publish(numbered()(1))
    key = Path(shutil.copy(ours, tmp_path / "key.pem"))
    url = address(technology, server, tls=True, ca=authority.file, cert=ours, key=key)
    async with connect(url) as queue:
        await queue.publish(numbered()(1))

    without = await refused(address(technology, server, tls=True, ca=authority.file))
    assert "it wants a certificate from us: ?cert=FILE&key=FILE" in without
    theirs = Authority(tmp_path, "stranger").issue("other")
    url = address(technology, server, tls=True, ca=authority.file, cert=theirs)
    assert "it refused our certificate (" in await refused(url)


@pytest.mark.slow  # RabbitMQ takes ten seconds to start, twice here
async def test_certificate_replaced_while_connected(
    technology: Technology,
    new_server: NewServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It goes on trying, says why it cannot, and is back when the certificate is right again."""
    authority = Authority(tmp_path)
    certificate = authority.issue("server")
    server = await new_server(**technology.with_tls(certificate))
    url = address(technology, server, tls=True, ca=authority.file)
    async with connect(url, setting=SETTING, timeout=0.3) as queue:
        await server.kill()
        Authority(tmp_path, "stranger").issue("server")  # in the place of the other
        await server.start()
        await until(lambda: _said(caplog, "is not trusted"), "it says why it cannot")
        with pytest.raises(QueueUnavailable):
            await queue.publish(numbered()(1))
        await server.kill()
        authority.issue("server")
        await server.start()
        await until(lambda: _accepts(queue), "the connection is back")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ("ca=/no/such/file", "ca in {} cannot be used: No such file or directory (/no/such/file)"),
        ("ca={folder}/words", "ca in {} cannot be used: "),
        ("cert=/no/such/file", "cert and key in {} cannot be used: No such file or directory"),
        ("cert={folder}/locked.pem", "without a passphrase"),
        ("cert={folder}/client.pem&key={folder}/words", "cert and key in {} cannot be used: "),
        ("cert={folder}/client.pem&key={folder}/server.pem", "key values mismatch"),
    ],
)
async def test_files_that_cannot_be_used(
    technology: Technology,
    shared_server: NewServer,
    authority: Authority,
    certificate: Path,
    parameters: str,
    says: str,
) -> None:
    """Without being asked for a passphrase on the terminal."""
    server = await shared_server(**technology.with_tls(certificate))
    authority.issue("client")
    authority.issue("locked", passphrase="open sesame")
    (authority.folder / "words").write_text("not a certificate")
    url = f"{address(technology, server, tls=True)}?{parameters.format(folder=authority.folder)}"
    assert says.format(SETTING) in await refused(url)


@pytest.mark.parametrize(
    ("scheme", "parameters", "says"),
    [
        ("plain", "ca=file", "names files for TLS"),
        ("tls", "key=file", "has a key without cert"),
        ("tls", "insecure=1", "takes .*ca, cert, key after '\\?'$"),
    ],
)
def test_addresses_that_make_no_sense(
    technology: Technology, scheme: str, parameters: str, says: str
) -> None:
    scheme = technology.tls if scheme == "tls" else technology.plain
    with pytest.raises(ConfigurationError, match=says) as caught:
        connect(f"{scheme}://localhost?{parameters}", setting=SETTING)
    assert str(caught.value).startswith(SETTING)


async def _said(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return text in caplog.text


async def _accepts(queue: MessageQueue) -> bool:
    try:
        await queue.publish(numbered()(1))
    except QueueUnavailable:
        return False
    return True
