"""Users, passwords, tokens and keys, on real servers that demand them."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from dovetail import ConfigurationError, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.names import Numbered, numbered, question
from dovetail.testing.conformance.requests import answering
from dovetail.testing.conformance.waiting import Seen, all_handled, until

from .authority import Authority
from .nats_keys import Key, Operator, credentials
from .refusing import SETTING, refused
from .technology import NewServer, Technology, address, together

#: Has every character that means something in an address.
PASSWORD = "p@ss/w:rd?#%20é"
LOGIN = f"u:{quote(PASSWORD, safe='')}"


async def works(url: str) -> None:
    """Whoever may connect may do everything else too."""
    event, kind, seen = numbered(), question(), Seen[Numbered]()
    async with (
        connect(url) as queue,
        listening(queue, event) as heard,
        Worker(queue, [group := recording(event, seen), answering(kind)]),
    ):
        await queue.publish(event(1))
        await seen.has(1)
        await heard.has(1)
        assert await queue.request(kind(2)) == "answer 2"
        await all_handled(queue, group.name)


async def test_user_and_password(
    technology: Technology, shared_server: NewServer, tmp_path: Path
) -> None:
    server = await shared_server(**technology.with_password("u", PASSWORD, tmp_path))
    await works(address(technology, server, login=LOGIN))


@pytest.mark.parametrize("login", ["u:wrong", "other:p", LOGIN.lower(), ""])
async def test_wrong_user_or_password(
    technology: Technology, shared_server: NewServer, tmp_path: Path, login: str
) -> None:
    server = await shared_server(**technology.with_password("u", PASSWORD.upper(), tmp_path))
    assert "refused the user" in await refused(address(technology, server, login=login))


async def test_password_over_tls(
    technology: Technology, new_server: NewServer, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    server = await new_server(
        **together(
            technology.with_tls(authority.issue("server")),
            technology.with_password("u", PASSWORD, tmp_path),
        )
    )
    url = address(technology, server, tls=True, login=LOGIN, ca=authority.file)
    await works(url)
    assert "refused the user" in await refused(url.replace("u:", "other:"))


# Users of Redis


async def test_password_of_the_default_user(new_redis_server: NewServer) -> None:
    server = await new_redis_server(settings={"requirepass": PASSWORD})
    await works(f"redis://:{quote(PASSWORD, safe='')}@{server.host}:{server.port}")
    await works(f"redis://default:{quote(PASSWORD, safe='')}@{server.host}:{server.port}")


async def test_user_who_may_do_only_what_is_needed(
    new_redis_server: NewServer, tmp_path: Path
) -> None:
    """What the documentation says to grant is enough."""
    users = tmp_path / "users.acl"
    users.write_text(
        "user default off\n"
        "user u on >p ~{dovetail}* &* -@all +@read +@write +@pubsub +@scripting +@connection +info +time\n"
    )
    server = await new_redis_server(settings={"aclfile": str(users)})
    await works(f"redis://u:p@{server.host}:{server.port}")


# Tokens and keys of NATS


async def test_token(new_nats_server: NewServer) -> None:
    server = await new_nats_server(config='authorization { token: "t0k/n" }')
    at = f"{server.host}:{server.port}"
    await works(f"nats://t0k%2Fn@{at}")
    assert "refused the user and password, token or key" in await refused(f"nats://other@{at}")


async def test_seed(new_nats_server: NewServer, tmp_path: Path) -> None:
    ours, theirs = Key("user"), Key("user")
    server = await new_nats_server(config=f"authorization {{ users: [{{ nkey: {ours.public} }}] }}")
    for key, name in ((ours, "ours.nk"), (theirs, "theirs.nk")):
        (tmp_path / name).write_text(f"{key.seed}\n")
    at = f"nats://{server.host}:{server.port}?nkey={tmp_path}"
    await works(f"{at}/ours.nk")
    assert "token or key" in await refused(f"{at}/theirs.nk")


async def test_credentials_file(new_nats_server: NewServer, tmp_path: Path) -> None:
    operator = Operator()
    server = await new_nats_server(config=operator.config)
    at = f"nats://{server.host}:{server.port}"
    ours = operator.user(tmp_path / "user name.creds")
    await works(f"{at}?credentials={quote(str(ours))}")
    assert "token or key" in await refused(at)

    stranger = Operator().user(tmp_path / "stranger.creds")
    assert "token or key" in await refused(f"{at}?credentials={stranger}")
    expired = operator.user(tmp_path / "expired.creds", expires=time.time() - 60)
    assert "token or key" in await refused(f"{at}?credentials={expired}")


async def test_credentials_that_expire_are_read_anew(
    new_nats_server: NewServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever renews the file need not restart the program."""
    operator = Operator()
    server = await new_nats_server(config=operator.config)
    file = operator.user(tmp_path / "user.creds", expires=time.time() + 1.5)
    event, seen = numbered(), Seen[Numbered]()
    url = f"nats://{server.host}:{server.port}?credentials={file}"
    async with connect(url, timeout=20) as queue, Worker(queue, [recording(event, seen)]):
        await queue.publish(event(1))

        async def is_refused() -> bool:
            return "refused the user and password, token or key" in caplog.text

        await until(is_refused, "the server does not take it any more")
        operator.user(file)
        await queue.publish(event(2))
        await seen.has(2)


JWT = "e30.e30.e30"


@pytest.mark.parametrize(
    ("parameter", "text", "says"),
    [
        ("credentials", None, "cannot be read: No such file or directory"),
        ("credentials", "", "is not a file of NATS credentials"),
        ("credentials", credentials(JWT, "SUAB"), "is not a file of NATS credentials"),
        ("credentials", Key("user").seed, "is not a file of NATS credentials"),
        ("nkey", None, "cannot be read: No such file or directory"),
        ("nkey", "words\x00é", "is not the seed of a user"),
        ("nkey", Key("account").seed, "is not the seed of a user"),
        ("nkey", Key("user").public, "is not the seed of a user"),
        ("nkey", Key("user").seed[:-1] + "9", "is not the seed of a user"),
    ],
    ids=["none", "empty", "half", "seed", "no key", "words", "account", "public", "miswritten"],
)
async def test_files_that_are_not_what_they_should_be(
    new_nats_server: NewServer, tmp_path: Path, parameter: str, text: str | None, says: str
) -> None:
    file = tmp_path / "file"
    if text is not None:
        file.write_text(text)
    server = await new_nats_server()
    error = await refused(f"nats://{server.host}:{server.port}?{parameter}={file}")
    assert says in error
    assert str(file) in error
    assert not text or text not in error


async def test_without_the_library_for_keys(
    new_nats_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it were not installed."""
    monkeypatch.delattr("dovetail.transports.nats.nkeys", raising=False)
    monkeypatch.delitem(sys.modules, "dovetail.transports.nats.nkeys", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    server = await new_nats_server()
    with pytest.raises(
        ConfigurationError, match=r"pip install cryptography \(or 'dovetail-messaging\[nkeys\]'\)"
    ):
        await connect(f"{server.url}?nkey=file", setting=SETTING).__aenter__()
