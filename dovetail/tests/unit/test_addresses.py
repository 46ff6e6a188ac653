"""Addresses of queues, right and wrong."""

from __future__ import annotations

import pytest

from dovetail import ConfigurationError, connect
from dovetail.network.server_address import without_secrets
from dovetail.transports.nats.address import Address, parse_address
from dovetail.transports.rabbitmq.address import parse_address as parse_rabbit
from dovetail.transports.redis.address import parse_address as parse_redis

SETTING = "TODO_QUEUE_URL"


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("nats://localhost", [("localhost", 4222)]),
        ("nats://localhost/", [("localhost", 4222)]),
        ("nats://10.0.0.1:4333", [("10.0.0.1", 4333)]),
        ("nats://[::1]:4333", [("::1", 4333)]),
        ("nats://a:1,b,c:3", [("a", 1), ("b", 4222), ("c", 3)]),
        ("tls://a", [("a", 4222)]),
        ("nats://a.internal.", [("a.internal.", 4222)]),
        ("nats://queue_1.docker", [("queue_1.docker", 4222)]),
        ("nats://bücher.example:1", [("bücher.example", 1)]),
        ("nats://xn--bcher-kva.example", [("xn--bcher-kva.example", 4222)]),
        ("nats://[fe80::1%eth0]:4333", [("fe80::1%eth0", 4333)]),
        (f"nats://{'a' * 63}.{'b' * 63}", [(f"{'a' * 63}.{'b' * 63}", 4222)]),
    ],
)
def test_hosts(url: str, hosts: list[tuple[str, int]]) -> None:
    address = parse_address(url, SETTING)
    assert list(address.hosts) == hosts
    assert address.tls == url.startswith("tls")
    assert address.sign_in() == {}


@pytest.mark.parametrize(
    ("login", "fields"),
    [
        ("u:p@", {"user": "u", "pass": "p"}),
        ("u:p%40%3A%2F@", {"user": "u", "pass": "p@:/"}),
        ("u:p@ss@", {"user": "u", "pass": "p@ss"}),
        ("u:@", {"user": "u", "pass": ""}),
        ("t0ken@", {"auth_token": "t0ken"}),
    ],
)
def test_signing_in(login: str, fields: dict[str, str]) -> None:
    address = parse_address(f"nats://{login}a,b", SETTING)
    assert address.sign_in() == fields
    assert address.shown == "nats://a:4222,b:4222"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "has no scheme"),
        ("localhost:4222", "has the scheme 'localhost'"),
        ("http://localhost", "has the scheme 'http'"),
        ("redis+nats://x", "has the scheme 'redis\\+nats'"),
        ("nats:", "must look like nats://localhost:4222"),
        ("nats://", "must look like nats://localhost:4222"),
        ("nats://:4222", "has no usable host and port"),
        ("nats://host:port", "has no usable host and port"),
        ("nats://host:99999", "has no usable host and port"),
        ("nats://user:secret@", "has no usable host and port"),
        ("nats://user:secret@host:port", "has no usable host and port"),
        ("nats://user:secret@[host", "has no usable host and port"),
        ("user:p@secret/host", "has the scheme 'user'"),
        ("secret@host:4222", "has no scheme"),
        ("nats://a,,b", "has no usable host and port"),
        ("nats://host?tls=yes", "takes credentials, nkey, ca, cert, key after '\\?'$"),
        ("nats://user:sec?secret@host", "has no usable host and port"),
        ("nats://token?secret@host", "takes credentials, nkey, ca, cert, key after '\\?'$"),
        ("nats://host/secret", "more after the port"),
        ("nats://user@host?nkey=secret", "more than one way to sign in"),
        ("embedded:folder?port=secret", "port=secret"),
        ("embedded:folder?part=1", "part=1"),
        ("embedded:folder?open=maybe", "open=maybe"),
        ("embedded://host/folder", "names the host host, .* nats://host:port"),
        ("embedded:?sync=yes", "sync=yes; .* sync, which is interval or always"),
        ("embedded:?sync=", "sync=; "),
    ],
)
def test_wrong_address_names_the_setting_and_no_password(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        connect(url, setting=SETTING)
    assert caught.value.setting == SETTING
    assert str(caught.value).startswith(SETTING)
    if "embedded" not in url:
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["nats", "redis", "redis+sentinel", "amqp"])
@pytest.mark.parametrize(
    ("host", "says"),
    [
        (".internal", "a part of its name, between two dots or before the first, is empty"),
        ("a..b:1", "a part of its name, .* is empty"),
        (".", "a part of its name, .* is empty"),
        ("a,b,c..", "a part of its name, .* is empty"),
        (f"a.{'b' * 64}.c", "a part of its name is longer than 63 characters"),
        ("ü" * 63, "has no form in ASCII"),
        ("a b", "characters in it that no name has"),
        ("a\0b", "characters in it that no name has"),
        ("a\udcff", "characters in it that no name has"),
    ],
    ids=["first", "middle", "dot", "second host", "long", "long in ASCII", "space", "nul", "bytes"],
)
def test_what_cannot_be_a_host(scheme: str, host: str, says: str) -> None:
    """Its name would not be looked up, and no OSError be raised, when it is too late to say so."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        connect(f"{scheme}://secret:secret@{host}/1", setting=SETTING)
    assert caught.value.setting == SETTING
    assert str(caught.value).startswith(f"{SETTING} names a host that there cannot be: ")
    assert host not in str(caught.value) or host == "."
    assert "secret" not in str(caught.value)


def test_password_is_not_in_the_representation() -> None:
    assert "secret" not in repr(parse_address("nats://user:secret@host", SETTING))
    assert isinstance(parse_address("nats://user:secret@host", SETTING), Address)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://host:4222", "nats://host:4222"),
        ("nats://u:p@one,two", "nats://one,two"),
        ("nats://u:p/w@s?d@host", "nats://host"),
        ("rediss://host/1?ca=/some/file", "rediss://host/1"),
        ("embedded:folder?port=1", "embedded:folder?port=1"),
    ],
)
def test_addresses_for_people_to_see(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


# RabbitMQ


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://a", "amqp://a:5672"),
        ("amqps://a", "amqps://a:5671"),
        ("amqps://u:p@a:1,[::1],c/", "amqps://a:1,::1:5671,c:5671"),
        ("amqp://u:p@a/%2F", "amqp://a:5672"),
        ("amqp://a/my%2Fvhost", "amqp://a:5672/my/vhost"),
    ],
)
def test_where_rabbitmq_is(url: str, shown: str) -> None:
    address = parse_rabbit(url, SETTING)
    assert address.shown == shown
    assert (address.tls_context() is not None) == url.startswith("amqps")


@pytest.mark.parametrize(
    ("login", "response"),
    [("", "\0guest\0guest"), ("u:p%40%3A%2F@", "\0u\0p@:/"), (":p@", "\0\0p"), ("u:@", "\0u\0")],
)
def test_signing_in_to_rabbitmq(login: str, response: str) -> None:
    assert parse_rabbit(f"amqp://{login}a", SETTING).sign_in() == response


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("amqp://u@host", "has a user without a password"),
        ("amqp://host/a/b", "a '/' in the name of the vhost is written as %2F"),
        ("amqp://host:port", "must look like amqp://user:password@localhost:5672/vhost"),
        ("amqp://host?heartbeat=5", r"takes ca, cert, key after '\?'"),
    ],
)
def test_wrong_addresses_of_rabbitmq(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{SETTING} .*{says}"):
        connect(url, setting=SETTING)


def test_schemes_in_capitals_mean_the_same() -> None:
    """Above all, TLS is not left out."""
    assert parse_address("TLS://a", SETTING).tls
    assert parse_redis("REDISS://a", SETTING).tls
    assert parse_rabbit("AMQPS://a", SETTING).tls
