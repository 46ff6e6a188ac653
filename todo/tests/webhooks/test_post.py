"""One request: bounds, what comes back, and where it goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from todo.webhooks import public
from todo.webhooks.post import MOST_BYTES, Limits, NoHttp, Unreachable, post
from todo.webhooks.public import PrivateAddress

from .authority import Authority, server_context, trusting
from .receiver import Receiver, plainly, receiving

HERE = Limits(seconds=5, private=True)


async def _post(receiver: Receiver, limits: Limits = HERE) -> int:
    return (await post(receiver.url, b"{}", {"X-One": "1"}, limits)).status


async def test_the_request_and_the_answer(receiver: Receiver) -> None:
    receiver.answer = lambda _: plainly(503, "Retry-After: 7\r\n", b"later")
    answer = await post(receiver.url, b'{"a":1}', {"X-One": "1"}, HERE)
    assert (answer.status, answer.retry_after) == (503, "7")
    (got,) = receiver.got
    assert got.line == "POST /hook?token=hidden HTTP/1.1"
    assert got.body == b'{"a":1}'
    assert got.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "x-one": "1",
        "content-length": "7",
        "connection": "close",
    }


async def test_interim_answers_are_passed_over(receiver: Receiver) -> None:
    receiver.answer = lambda _: b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + plainly(202)
    assert await _post(receiver) == 202


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    async with receiving() as other:
        receiver.answer = lambda _: plainly(status, f"Location: {other.url}\r\n")
        assert await _post(receiver) == status
        assert other.got == []


async def test_private_addresses_are_refused_unless_allowed(receiver: Receiver) -> None:
    with pytest.raises(PrivateAddress):
        await _post(receiver, Limits(seconds=5))
    assert receiver.got == []


async def test_the_address_that_was_looked_at_is_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads somewhere public when it is looked at, and here a moment later."""
    asked: list[str] = []
    loop = asyncio.get_running_loop()

    async def rebound(host: object, port: object, **_: object) -> list[tuple[object, ...]]:
        asked.append(str(host))
        address = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"
        return [(2, 1, 6, "", (address, port))]

    monkeypatch.setattr(loop, "getaddrinfo", rebound)
    monkeypatch.setattr(public, "is_public", lambda address: str(address) == "192.0.2.1")
    with pytest.raises((TimeoutError, Unreachable)):
        await post(f"http://hooks.test:{receiver.port}/", b"", {}, Limits(seconds=0.3))
    assert asked[0] == "hooks.test"
    assert set(asked[1:]) <= {"192.0.2.1"}
    assert receiver.got == []


async def test_an_answer_without_end_is_not_read_to_it(receiver: Receiver) -> None:
    receiver.answer = lambda _: b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (4 * MOST_BYTES)
    assert await _post(receiver) == 200


async def test_a_head_without_end_is_refused(receiver: Receiver) -> None:
    receiver.answer = lambda _: b"HTTP/1.1 200 OK\r\n" + b"X-Y: zzzzzzzz\r\n" * MOST_BYTES
    with pytest.raises(NoHttp):
        await _post(receiver)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-x\r\n",
        b"\0" * 100,
        b"HTTP/1.1 101 X\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_what_is_no_answer(receiver: Receiver, answer: bytes) -> None:
    receiver.answer = lambda _: answer
    with pytest.raises(NoHttp):
        await _post(receiver)


async def test_silence_ends_in_time(receiver: Receiver) -> None:
    receiver.answer = lambda _: None
    with pytest.raises(TimeoutError):
        await _post(receiver, Limits(seconds=0.2, private=True))
    assert len(receiver.got) == 1


async def test_nobody_there() -> None:
    async with receiving() as gone:
        pass
    with pytest.raises(Unreachable):
        await _post(gone)
    with pytest.raises(Unreachable, match=r"nobody\.invalid leads nowhere"):
        await post("https://nobody.invalid/", b"", {}, HERE)


async def test_certificates_are_checked(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    right, wrong = authority.issue("127.0.0.1"), authority.issue("other.test")
    trusted = trusting(authority)
    async with receiving(server_context(right)) as receiver:
        answer = await post(receiver.url, b"{}", {}, HERE, trusted)
        assert answer.status == 204
        with pytest.raises(Unreachable, match="certificate"):
            await post(receiver.url, b"{}", {}, HERE)
    async with receiving(server_context(wrong)) as other:
        with pytest.raises(Unreachable, match="certificate"):
            await post(other.url, b"{}", {}, HERE, trusted)
    assert other.got == []
