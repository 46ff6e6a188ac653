"""Addresses of queues, right and wrong."""

from __future__ import annotations

import pytest

from dovetail import ConfigurationError, connect
from dovetail.server_address import without_secrets
from dovetail.transports.nats.address import Address, parse_address

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
    ],
)
def test_wrong_address_names_the_setting_and_no_password(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        connect(url, setting=SETTING)
    assert caught.value.setting == SETTING
    assert str(caught.value).startswith(SETTING)
    if "embedded" not in url:
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"timeout": -1}, {"patience": -1}])
def test_wrong_options(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="timeout must be above 0"):
        connect("memory://", **wrong)


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
