"""Addresses of sentinels; those of servers are in test_addresses.py."""

from __future__ import annotations

import pytest

from dovetail import ConfigurationError, connect
from dovetail.network.server_address import without_secrets
from dovetail.transports.redis.address import parse_address

SETTING = "TODO_QUEUE_URL"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis+sentinel://a/main", "redis+sentinel://a:26379/main"),
        ("redis+sentinel://a:1,b/main", "redis+sentinel://a:1,b:26379/main"),
        ("rediss+sentinel://u:p@a/main/3", "rediss+sentinel://a:26379/main/3"),
        ("REDISS+SENTINEL://a/main/", "rediss+sentinel://a:26379/main"),
        ("redis+sentinel://a/7", "redis+sentinel://a:26379/7"),
    ],
)
def test_sentinels(url: str, shown: str) -> None:
    address = parse_address(url, SETTING)
    assert address.shown == shown
    assert address.tls == url.lower().startswith("rediss")
    assert address.sentinel is not None
    assert f"/{address.sentinel.master}" in shown


def test_servers_and_sentinels_have_users_of_their_own() -> None:
    query = "sentinel_user=watch&sentinel_password=sec%26ret"
    address = parse_address(f"redis+sentinel://app:secret@a/main?{query}", SETTING)
    assert address.login.words() == ("AUTH", "app", "secret")
    assert address.sentinel is not None
    assert address.sentinel.login.words() == ("AUTH", "watch", "sec&ret")
    assert "sec" not in repr(address)
    shown = without_secrets(f"redis+sentinel://app:secret@a/main?{query}")
    assert shown == "redis+sentinel://a/main"


def test_without_sentinel_user() -> None:
    address = parse_address("redis+sentinel://a/main?sentinel_password=p", SETTING)
    assert address.login.words() == ()
    assert address.sentinel is not None
    assert address.sentinel.login.words() == ("AUTH", "default", "p")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis+sentinel://a", "the name of the master"),
        ("redis+sentinel://a/", "the name of the master"),
        ("redis+sentinel://a/main/secret", "the number of a database"),
        ("redis+sentinel:///main", "must look like redis\\+sentinel://one:26379"),
        ("redis+sentinel://a/main?sentinel_user=secret", "without sentinel_password"),
        ("redis+sentinel://secret@a/main", "a user without a password"),
        ("redis+sentinel://a/main?ca=file", "names files for TLS"),
        ("redis://a?sentinel_password=secret", "takes ca, cert, key after"),
    ],
)
def test_wrong_address_names_the_setting_and_no_password(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{SETTING} .*{says}") as caught:
        connect(url, setting=SETTING)
    assert "secret" not in str(caught.value)
