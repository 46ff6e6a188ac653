"""Which addresses are public, however they are written."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from todo.webhooks.public import PrivateAddress, addresses_of, is_public


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "203.0.112.255", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::1"],
)
def test_public_ones(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    ],
)
def test_private_ones(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "::1", "::ffff:127.0.0.1"]
)
async def test_a_private_address_is_seen_through_every_way_to_write_it(host: str) -> None:
    with pytest.raises(PrivateAddress, match="a private address"):
        await addresses_of(host, 80, private=False)
    assert await addresses_of(host, 80, private=True)


async def test_public_addresses_are_taken() -> None:
    assert await addresses_of("8.8.8.8", 443, private=False) == ["8.8.8.8"]


async def test_a_name_that_leads_nowhere() -> None:
    with pytest.raises(socket.gaierror):
        await addresses_of("nobody.invalid", 443, private=True)
