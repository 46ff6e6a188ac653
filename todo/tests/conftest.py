"""The queues that the application is tested on: it is told an address, and nothing else differs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from dovetail.testing.servers import Server
from todo.store import engine, sql_store

NewServer = Callable[..., Awaitable[Server]]


@pytest.fixture(params=["embedded", "redis", "rabbit"])
def queue_setting(request: pytest.FixtureRequest) -> dict[str, str]:
    """All that a user sets to have one of the queues; nothing for the one that `todo up` brings."""
    if request.param == "embedded":
        return {}
    return {"QUEUE_URL": request.getfixturevalue(f"{request.param}_url")}


@pytest.fixture(params=["nats", "redis", "rabbit"])
def new_queue_server(request: pytest.FixtureRequest) -> NewServer:
    """`server = await new_queue_server()`: each of the three, the test's own, to be killed."""
    start: NewServer = request.getfixturevalue(f"new_{request.param}_server")
    return start


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is waited for, as a machine that runs other tests beside may be busy for a moment."""
    monkeypatch.setattr(sql_store, "READ_SECONDS", 20.0)
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 10.0)
