"""Names that are not ours are refused: a page of a stranger's may have its name lead here."""

from __future__ import annotations

import pytest

from todo.allowed_hosts import Hosts, check_name

from .support import answer, serving, small_app

OURS = Hosts(["todo.example.org", "*.home.example", "Bücher.example"])


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "LOCALHOST",
        "localhost.",
        "todo.localhost:1",
        "127.0.0.1",
        "127.1.2.3:8080",
        "[::1]",
        "[::1]:8080",
        "192.0.2.7:80",
        "[2001:db8::1]:80",
        "todo.example.org",
        "TODO.example.org:443",
        "a.home.example",
        "a.b.home.example",
        "xn--bcher-kva.example",
    ],
)
def test_these_are_ours(host: str) -> None:
    assert OURS.refusal(host.encode()) is None
    assert OURS.refusal(host.encode()) is None, "the second time, too"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "evillocalhost",
        "127.0.0.1.evil.example",
        "home.example",
        "nothome.example",
        "x.todo.example.org",
        "todo-web",
        "2130706433",
        "0x7f.1",
    ],
)
def test_these_are_not(host: str) -> None:
    why = OURS.refusal(host.encode())
    assert why is not None
    assert "TODO_ALLOWED_HOSTS" in why


@pytest.mark.parametrize("host", ["", ":80", "a:b", "[::1", "[::1]x", "localhost:8080x", "a:1:2"])
def test_these_make_no_sense(host: str) -> None:
    assert OURS.refusal(host.encode()) is not None


def test_a_star_is_every_name() -> None:
    assert Hosts(["*"]).refusal(b"evil.example") is None


def test_what_is_refused_is_shown_harmlessly() -> None:
    why = OURS.refusal("\x1b[31m\u202e".encode() + b"x" * 1000)
    assert why is not None
    assert why.isascii()
    assert why.isprintable()
    assert len(why) < 600


@pytest.mark.parametrize("name", ["http://a", "a:80", "a/b", "", "*.", "a b", "*a"])
def test_what_cannot_be_a_name_is_refused_as_a_setting(name: str) -> None:
    with pytest.raises(ValueError, match="without scheme"):
        check_name(name)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Host: localhost\r\n", 200),
        (b"Host: todo.example.org\r\n", 200),
        (b"Host: evil.example\r\n", 421),
        (b"Host: localhost\r\nHost: evil.example\r\n", 400),
        (b"Host: localhost\r\nX-Forwarded-Host: evil.example\r\n", 200),
        (b"", 400),
    ],
)
async def test_the_server_asks_for_whom_a_request_is(headers: bytes, status: int) -> None:
    async with serving(small_app(), OURS) as port:
        found, _ = await answer(
            port, b"GET / HTTP/1.1\r\nConnection: close\r\n" + headers + b"\r\n"
        )
        assert found == status


async def test_a_program_of_old_names_no_host() -> None:
    async with serving(small_app(), OURS) as port:
        assert (await answer(port, b"GET / HTTP/1.0\r\n\r\n"))[0] == 200
