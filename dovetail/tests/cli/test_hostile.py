"""One message must not be able to hurt the reader: what every command prints of a hostile one."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dovetail import DeadLetter, GroupStatus, MessageQueue, QueueStatus, Received, printable
from dovetail.cli.address import Address
from dovetail.cli.dead.list_show import _describe as describe
from dovetail.cli.dead.list_show import _fields as fields
from dovetail.cli.dead.list_show import _show_table as show_letters
from dovetail.cli.output import as_json, line
from dovetail.cli.status import _show as show_status
from dovetail.cli.subscribe import Subscribing
from dovetail.cli.subscribe import _described as described
from dovetail.cli.tables import Column, show_table_with_text
from dovetail.codec.envelope import encode, received
from dovetail.testing.servers import NatsServer

from .support import LIMIT_SECONDS, Done, dovetail, running, shell
from .terminal import on_terminal

#: A line of its own, Escape, OSC 8, C1, bidirectional controls, the separators, and rich's markup.
EVIL = "x\n00:00:00 FORGED\r\x1b[2K\x1b]8;;http://evil\x07\x9b31m\x85\u202e\u2066\u2028FORGED[red][link=x]"
STEERING = "\r\x1b\x07\x9b\x85\u202e\u2066\u2028"
MESSAGE = {
    "specversion": "1.0",
    "id": f"id {EVIL}",
    "source": f"source {EVIL}",
    "type": f"type {EVIL}",
    "time": "0001-01-01T00:00:00Z",
    "data": {"text": f"text {EVIL}", EVIL: EVIL},
}
hard = st.text("a\n\r\x1b\x07\x9b\x85\u202e\u2028\u200b[red]FORGED", max_size=12) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)
hard = hard.map(lambda text: text + "\nFORGED")
moments = st.none() | st.datetimes() | st.datetimes(timezones=st.just(UTC))
APP = """
import logging
from dovetail import Backoff, Event, Group, Request

class Item(Event, frozen=True, subject="events.item"):
    text: str

class Echo(Request[str], frozen=True, subject="requests.echo"):
    text: str

group = Group("clerk", retry=Backoff(first=0.01, tries=2))

@group.on(Item)
async def item(event: Item) -> None:
    logging.getLogger("shop").warning("took %s", event.text)
    raise ValueError(event.text)

@group.on(Echo)
async def echo(request: Echo) -> str:
    if request.text.startswith("raise"):
        raise ValueError(request.text)
    return request.text
"""


@pytest_asyncio.fixture
async def shop(server: NatsServer, queue: MessageQueue, tmp_path: Path) -> Done:
    """What `dovetail run` says while the message becomes a dead letter, and a request fails."""
    (tmp_path / "shop.py").write_text(APP)
    arguments = ("run", "shop:group", "--url", server.url)
    async with running(*arguments, cwd=tmp_path, env={"TZ": "America/New_York"}) as it:
        await it.note("^Running")
        for text, says in ((EVIL, "text"), (f"raise {EVIL}", "failed")):
            asked = ("request", server.url, "requests.echo", json.dumps({"text": text}))
            harmless(await dovetail(*asked), says if says == "failed" else "FORGED")
            harmless(await dovetail("gather", *asked[1:], "--timeout", "0.3"), "FORGED")
        await queue.publish_raw("events.item", json.dumps(MESSAGE).encode())
        await it.note("dead letters after")
        return await it.interrupted()


def harmless(done: Done, says: str) -> None:
    """It says this, and nothing of it steers a terminal or begins a line."""
    both = done.out + done.err
    assert says in both
    assert not [one for one in both if one in STEERING], both
    assert not [row for row in both.splitlines() if row.startswith(("00:00", "FORGED"))]


async def test_every_command(server: NatsServer, queue: MessageQueue, shop: Done) -> None:
    harmless(shop, "took text x\\n00:00:00 FORGED")
    harmless(await dovetail("dead", "list", server.url, env={"TZ": "America/New_York"}), "[red]")
    (letter,) = await queue.dead_letters.list()
    shown = await dovetail("dead", "show", server.url, letter.id, env={"TZ": "America/New_York"})
    harmless(shown, "Published   0001-01-01 00:00:00")
    for arguments in (
        ("dead", "list", server.url, "--json"),
        ("dead", "show", server.url, letter.id, "--json"),
    ):
        listed = await dovetail(*arguments)
        harmless(listed, "")
        (line,) = listed.lines
        assert json.loads(line)["data"] == MESSAGE["data"]
        assert json.loads(line)["message_id"] == MESSAGE["id"]
    harmless(await dovetail("status", server.url), "clerk")
    rows = await on_terminal("dead", "show", server.url, letter.id, "--body", columns=100)
    harmless(Done(0, "\n".join(rows), ""), "FORGED")
    whole = await shell(f"$DOVETAIL dead show {server.url} {letter.id} --body")
    assert json.loads(whole.out) == MESSAGE


@pytest.mark.parametrize("how", [(), ("--json",)])
async def test_subscribe(server: NatsServer, queue: MessageQueue, how: tuple[str, ...]) -> None:
    async with running("subscribe", server.url, "events.>", "--count", "3", *how) as it:
        await it.note("^Listening")
        await queue.publish_raw("events.item", json.dumps(MESSAGE).encode(), durable=False)
        await queue.publish_raw("events.item", EVIL.encode(), durable=False)
        await queue.publish_raw("events.item", b"\x1b\xff\x9b", durable=False)
        async with asyncio.timeout(LIMIT_SECONDS):
            done = await it.end()
    assert len(done.lines) == 3
    harmless(done, "[link=x]")
    if how:
        assert json.loads(done.lines[0])["id"] == MESSAGE["id"]
        assert json.loads(done.lines[1])["data"] == EVIL


letters = st.builds(
    DeadLetter,
    id=hard,
    group=hard,
    subject=hard,
    claimed=hard,
    kind=hard,
    message_id=hard,
    reason=hard,
    traceback=hard,
    attempts=st.integers(0),
    published_at=moments,
    died_at=st.datetimes(timezones=st.just(UTC)),
    body=st.binary(max_size=20)
    | hard.map(str.encode)
    | st.builds(encode, hard, id=hard, source=hard, type=hard),
    headers=st.none() | st.dictionaries(hard, hard, max_size=2),
)
groups = st.builds(GroupStatus, group=hard, subject=hard, oldest=st.none())
statuses = st.builds(QueueStatus, server=hard, address=hard, groups=st.lists(groups, max_size=2))
messages = st.builds(received, hard, st.binary(max_size=20) | hard.map(str.encode))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(letters, statuses, messages)
def test_whatever_a_queue_gives(
    capsys: pytest.CaptureFixture[str], letter: DeadLetter, status: QueueStatus, message: Received
) -> None:
    describe(letter)
    show_letters([letter])
    show_status(status, in_json=False)
    for in_json in (False, True):
        what = Subscribing(
            Address("nats://x"), ">", None, "first", None, timestamps=False, as_json=in_json
        )
        line(described(what, 1, message))
    line(as_json(fields(letter)))
    written = "".join(capsys.readouterr())
    assert not [one for one in written if one != "\n" and printable(one) != one]
    assert not [row for row in written.split("\n") if row.startswith("FORGED")]


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [Column("Group"), Column("Reason", flexible=True)]
    show_table_with_text(columns, [[EVIL, EVIL], ["[b]x[/b]", ":tada:"]])
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 3
    assert "[b]x[/b]" in out
    assert ":tada:" in out
    harmless(Done(0, out, ""), "[red]")
