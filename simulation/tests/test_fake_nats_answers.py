"""The fake NATS server says what the real one says, word for word but for times and names it gives."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from dovetail.testing.servers import NatsServer
from simulation.servers.nats import FakeNats
from simulation.servers.threaded import ThreadedServer

SECOND = 1_000_000_000
STREAM = {
    "name": "ev",
    "subjects": ["events.>", "replay.>"],
    "retention": "limits",
    "discard": "new",
    "storage": "file",
    "num_replicas": 1,
    "duplicate_window": 120 * SECOND,
    "allow_direct": True,
}
WORK_QUEUE = {**STREAM, "name": "wq", "subjects": ["cmd.a"], "retention": "workqueue"}
CONSUMER = {
    "durable_name": "g",
    "name": "g",
    "ack_policy": "explicit",
    "ack_wait": 20 * SECOND,
    "deliver_policy": "all",
    "max_deliver": -1,
    "max_ack_pending": -1,
    "max_waiting": 4096,
    "filter_subjects": ["events.a", "replay.g.>"],
}
UNFILTERED = {name: value for name, value in CONSUMER.items() if name != "filter_subjects"}
PASSING = {"ack_policy": "none", "inactive_threshold": SECOND, "mem_storage": True}
PULL = {"batch": 3, "expires": 20 * SECOND, "idle_heartbeat": 9 * SECOND, "max_bytes": 1000}
#: What no two servers say alike: times, and the names of passing consumers.
_OWN = {"created", "ts", "first_ts", "last_ts", "last_active", "time", "leader"}
_STAMP = re.compile(rb"(Nats-Time-Stamp: |\d+\.\d+\.\d+\.)(\d{4}-[^\r]+|\d{18,})")


class Talk:
    """A connection on which everything is written down that comes on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.heard: list[list[Any]] = []

    async def say(self, text: str, frames: int = 0) -> None:
        """So many frames are to come of it."""
        self._writer.write(text.encode())
        came = [await self._frame() for _ in range(frames)]
        self.heard.append(sorted(came, key=str))

    async def publish(self, subject: str, body: str = "", frames: int = 1, **fields: str) -> None:
        """With a reply subject, and header fields: `Nats_Msg_Id`."""
        lines = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in fields.items())
        block = f"NATS/1.0\r\n{lines}\r\n" if fields else ""
        verb, sizes = ("HPUB", f"{len(block)} ") if fields else ("PUB", "")
        size = len(block) + len(body)
        await self.say(f"{verb} {subject} in.x {sizes}{size}\r\n{block}{body}\r\n", frames)

    async def api(self, subject: str, body: Any = None, frames: int = 1) -> None:
        """A request to JetStream."""
        await self.publish(f"$JS.API.{subject}", json.dumps(body) if body else "", frames)

    async def consumer(self, config: dict[str, Any], stream: str = "ev", action: str = "") -> None:
        """Make it, or change it."""
        name = config.get("name", "")
        request = {"stream_name": stream, "config": config, "action": action}
        await self.api(f"CONSUMER.CREATE.{stream}{name and '.' + name}", request)

    async def pull(self, frames: int, consumer: str = "ev.g", **changes: int) -> None:
        """Ask for messages; they come on `pull.1`."""
        body = json.dumps({**PULL, **changes})
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{consumer}"
        await self.say(f"PUB {subject} pull.1 {len(body)}\r\n{body}\r\n", frames)

    async def settle(
        self, sequence: int, delivery: int, verdict: str, consumer: str = "ev.g"
    ) -> None:
        """Nothing comes of it, so the server is asked whether it has seen it."""
        subject = f"$JS.ACK.{consumer}.1.{sequence}.{delivery}.1.0"
        await self.publish(subject, verdict)

    async def _frame(self) -> Any:
        while True:
            line = await asyncio.wait_for(self._reader.readline(), 10)
            words = line.split()
            if words[0] in (b"MSG", b"HMSG"):
                body = (await self._reader.readexactly(int(words[-1]) + 2))[:-2]
                return _normal(words[1:-1] if words[0] == b"MSG" else words[1:-2], body)
            if words[0] == b"-ERR":
                return line


def _normal(words: list[bytes], body: bytes) -> Any:
    line = _STAMP.sub(rb"\1then", b" ".join(words))
    if body.startswith(b"{"):
        return line, _without_own(json.loads(body))
    return line, _STAMP.sub(rb"\1then", body)


def _without_own(told: Any) -> Any:
    if isinstance(told, list):
        return [_without_own(one) for one in told]
    if not isinstance(told, dict):
        return told
    plain = {name: name if name in _OWN else _without_own(one) for name, one in told.items()}
    if "ack_policy" in told.get("config", ()) and not told["config"].get("durable_name"):
        plain["name"] = "drawn"
    return plain


@asynccontextmanager
async def talking(server: NatsServer | ThreadedServer) -> AsyncIterator[Talk]:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    talk = Talk(reader, writer)
    try:
        await talk.say('CONNECT {"headers":true,"no_responders":true,"verbose":false}\r\n')
        await talk.say("SUB in.* 1\r\nSUB pull.* 7\r\n")
        yield talk
    finally:
        writer.close()


async def streams(talk: Talk) -> None:
    await talk.publish("nobody.here")
    for request in ("INFO", "STREAM.INFO.ev", "STREAM.NAMES", "STREAM.LIST", "STREAM.DELETE.ev"):
        await talk.api(request)
    await talk.api("STREAM.CREATE.ev", STREAM)
    await talk.api("STREAM.CREATE.ev", STREAM)
    await talk.api("STREAM.CREATE.ev", {**STREAM, "max_bytes": 1000})
    await talk.api("STREAM.CREATE.two", {**STREAM, "name": "two"})
    await talk.api("STREAM.CREATE.two", STREAM)
    await talk.api("STREAM.CREATE.r3", {**STREAM, "name": "r3", "num_replicas": 3})
    await talk.api("STREAM.UPDATE.no", {**STREAM, "name": "no"})
    for subjects in (["a..b"], ["$JS.API.>"], ["a.*", "a.b"], ["a", "a"], ["x.>", "y"]):
        await talk.api("STREAM.UPDATE.ev", {**STREAM, "subjects": subjects})
    await talk.api("STREAM.UPDATE.ev", {**STREAM, "retention": "workqueue"})
    await talk.api("STREAM.UPDATE.ev", {**STREAM, "metadata": {"a": "b"}})
    await talk.api("STREAM.CREATE.wq", WORK_QUEUE)
    for request in ("STREAM.INFO.ev", "STREAM.NAMES", "STREAM.LIST", "STREAM.DELETE.ev"):
        await talk.api(request, {"offset": 0} if request == "STREAM.LIST" else None)
    await talk.api("STREAM.LIST", {"offset": 1})


async def messages(talk: Talk) -> None:
    await talk.api("STREAM.CREATE.ev", STREAM)
    await talk.api("STREAM.INFO.ev", {"subjects_filter": ">"})
    await talk.publish("events.a", "hallo", Nats_Msg_Id="1")
    await talk.publish("events.a", "hallo", Nats_Msg_Id="1")
    await talk.publish("events.b", "hallo", Nats_Msg_Id="2", Nats_Expected_Stream="other")
    await talk.publish("events.b", "hallo", Nats_Msg_Id="2", Nats_Expected_Stream="ev")
    for subject in ("events.b", "events.c", "replay.a", "events.b"):
        await talk.publish(subject, "abc")
    for wanted in (
        {"seq": 1},
        {"seq": 3},
        {"seq": 20},
        {"last_by_subj": "events.b"},
        {"last_by_subj": "events.z"},
        {"seq": 1, "next_by_subj": "events.b"},
        {"seq": 20, "next_by_subj": "events.b"},
        {"seq": 3, "next_by_subj": "replay.*"},
        None,
    ):
        await talk.api("STREAM.MSG.GET.ev", wanted)
    await talk.api("STREAM.MSG.GET.no", {"seq": 1})
    batch = {"seq": 1, "next_by_subj": "events.>", "batch": 3}
    await talk.api("DIRECT.GET.ev", batch, 4)
    await talk.api("DIRECT.GET.ev", {**batch, "batch": 10}, 6)
    await talk.api("DIRECT.GET.ev", {**batch, "max_bytes": 10}, 2)
    await talk.api("DIRECT.GET.ev", {**batch, "seq": 9})
    await talk.api("DIRECT.GET.no", batch)
    for sequence in (4, 4, 1, 1, 100):
        await talk.api("STREAM.MSG.DELETE.ev", {"seq": sequence, "no_erase": True})
    await talk.api("STREAM.INFO.ev", {"subjects_filter": "events.*"})
    await talk.api("STREAM.PURGE.ev", {"filter": "events.b", "seq": 3})
    await talk.api("STREAM.PURGE.ev", {"filter": "events.b"})
    await talk.api("STREAM.PURGE.no", {"filter": "events.b"})
    await talk.api("STREAM.INFO.ev", {"subjects_filter": ">"})
    await talk.api("STREAM.PURGE.ev", {"filter": ">"})
    await talk.api("STREAM.INFO.ev", {"subjects_filter": ">"})


async def limits(talk: Talk) -> None:
    small = {**STREAM, "max_bytes": 200, "max_msg_size": 90}
    await talk.api("STREAM.CREATE.ev", small)
    for size in (30, 91, 30, 30, 80):
        await talk.publish("events.a", "y" * size)
    await talk.api("STREAM.UPDATE.ev", {**small, "max_bytes": -1, "max_msgs": 3})
    for size in (1, 1):
        await talk.publish("events.a", "y" * size)
    last = {**STREAM, "name": "last", "subjects": ["l.*"], "max_msgs_per_subject": 1}
    await talk.api("STREAM.CREATE.last", {**last, "discard": "old", "max_age": 120 * SECOND})
    for subject in ("l.a", "l.b", "l.a"):
        await talk.publish(subject, "y")
    await talk.api("STREAM.INFO.last", {"subjects_filter": ">"})
    await talk.say(f"PUB events.a in.x {1024 * 1024 + 1}\r\n", 1)


async def consumers(talk: Talk) -> None:
    await talk.api("CONSUMER.INFO.ev.g")
    await talk.api("CONSUMER.LIST.ev")
    await talk.consumer(CONSUMER)
    await talk.api("STREAM.CREATE.ev", STREAM)
    for subject in ("events.a", "events.b", "events.a"):
        await talk.publish(subject, "abc")
    await talk.consumer(CONSUMER, action="update")
    await talk.consumer(CONSUMER)
    await talk.consumer(CONSUMER)
    await talk.consumer({**CONSUMER, "ack_wait": SECOND})
    for changes in (
        {"ack_wait": 7 * SECOND},
        {"deliver_policy": "new"},
        {"max_waiting": 7},
        {"filter_subjects": ["a.b", "a.>"]},
    ):
        await talk.consumer(
            {**CONSUMER, **changes}, action="create" if "ack_wait" in changes else ""
        )
    await talk.consumer({**UNFILTERED, "ack_wait": SECOND}, action="update")
    new = {**CONSUMER, "name": "new", "durable_name": "new"}
    await talk.consumer({**new, "deliver_policy": "new"})
    from_two = {"deliver_policy": "by_start_sequence", "opt_start_seq": 2}
    await talk.consumer({**new, **from_two, "name": "two", "durable_name": "two"})
    for request in ("CONSUMER.INFO.ev.g", "CONSUMER.DELETE.ev.g", "CONSUMER.DELETE.ev.g"):
        await talk.api(request)
    await talk.api("CONSUMER.NAMES.ev")
    await talk.api("CONSUMER.LIST.ev")
    for moment in ("2020-01-01T00:00:00.5+00:00", "2100-01-01T00:00:00Z"):
        since = {"deliver_policy": "by_start_time", "opt_start_time": moment}
        await talk.consumer({**PASSING, **since, "num_replicas": 1})


async def pulling(talk: Talk) -> None:
    await talk.pull(1, "ev.no")
    await talk.api("STREAM.CREATE.ev", STREAM)
    await talk.consumer(CONSUMER)
    await talk.pull(4, expires=SECOND * 9 // 10, idle_heartbeat=SECOND // 4)
    for subject in ("events.a", "events.b", "replay.g.1", "replay.g.2", "replay.h.1"):
        await talk.publish(subject, "abc", Nats_Msg_Id=subject)
    await talk.pull(4)
    await talk.api("CONSUMER.INFO.ev.g")
    for sequence, delivery in ((3, 2), (1, 1)):
        await talk.settle(sequence, delivery, "+ACK")
    await talk.api("CONSUMER.INFO.ev.g")
    await talk.publish("events.a", "y" * 400)
    await talk.pull(1, max_bytes=10)
    await talk.pull(2, batch=1)
    await talk.api("CONSUMER.INFO.ev.g")
    await talk.say("SUB pull.> 9\r\n")
    await talk.pull(0, batch=9)
    await talk.publish("events.a", "abc", frames=3)
    await talk.api("CONSUMER.DELETE.ev.g", frames=3)


async def settling(talk: Talk) -> None:
    await talk.api("STREAM.CREATE.ev", STREAM)
    await talk.consumer({**CONSUMER, "ack_wait": 2 * SECOND})
    await talk.settle(1, 1, "+ACK", "ev.no")
    for number in range(6):
        await talk.publish("events.a", str(number))
    await talk.pull(7, batch=6)
    await talk.settle(2, 2, "+ACK")
    await talk.settle(3, 3, "+TERM")
    await talk.settle(4, 4, "-NAK")
    await talk.settle(5, 5, '-NAK {"delay": 500000000}')
    await talk.settle(6, 6, '-NAK {"delay": 20000000000}')
    await talk.pull(4)  # 4 at once, then 5, then 1, whose lease ends
    await talk.settle(1, 1, "+WPI")
    await talk.api("CONSUMER.INFO.ev.g")
    await talk.settle(1, 1, "+ACK")
    await talk.settle(4, 7, "+ACK")
    await talk.settle(5, 5, "+ACK")  # by its first delivery
    await talk.api("CONSUMER.INFO.ev.g")
    await talk.settle(6, 6, "+ACK")
    await talk.api("CONSUMER.INFO.ev.g")


async def work_queue(talk: Talk) -> None:
    await talk.api("STREAM.CREATE.wq", WORK_QUEUE)
    await talk.consumer({**UNFILTERED, "deliver_policy": "new"}, "wq")
    await talk.consumer(PASSING, "wq")
    await talk.consumer(UNFILTERED, "wq")
    await talk.consumer(UNFILTERED, "wq")
    other = {**UNFILTERED, "name": "h", "durable_name": "h"}
    await talk.consumer(other, "wq")
    await talk.consumer({**other, "filter_subjects": ["cmd.b"]}, "wq")
    for number in range(3):
        await talk.publish("cmd.a", str(number), Nats_Msg_Id=str(number))
    await talk.pull(4, "wq.g")
    await talk.settle(2, 2, "+ACK", "wq.g")
    await talk.api("STREAM.INFO.wq", {"subjects_filter": ">"})
    await talk.api("STREAM.MSG.DELETE.wq", {"seq": 1, "no_erase": True})
    await talk.settle(3, 3, "+TERM", "wq.g")
    await talk.api("STREAM.INFO.wq", {"subjects_filter": ">"})
    await talk.api("CONSUMER.INFO.wq.g")
    await talk.publish("cmd.a", "again", Nats_Msg_Id="1")


async def purging(talk: Talk) -> None:
    await talk.api("STREAM.CREATE.ev", STREAM)
    narrow = {**CONSUMER, "name": "n", "durable_name": "n", "filter_subjects": ["events.a"]}
    wide = {**CONSUMER, "name": "w", "durable_name": "w", "filter_subjects": ["events.*"]}
    for config in (CONSUMER, narrow, wide):
        await talk.consumer(config)
    for subject in ("events.a", "replay.g.1", "events.a", "events.b", "replay.g.2", "events.a"):
        await talk.publish(subject, subject)
    await talk.pull(4, batch=3)
    await talk.settle(1, 1, "+ACK")
    await talk.pull(3, "ev.n", batch=2)
    await talk.pull(4, "ev.w", batch=3)
    for purge in ({"filter": "events.a", "seq": 2}, {"filter": "events.a"}, {"filter": ">"}):
        await talk.api("STREAM.PURGE.ev", purge)
        for consumer in ("g", "n", "w"):
            await talk.api(f"CONSUMER.INFO.ev.{consumer}")
        await talk.publish("events.a", "more")
    await talk.pull(2, batch=1)


Scenario = Callable[[Talk], Awaitable[None]]
SCENARIOS = (
    streams,
    messages,
    limits,
    consumers,
    pulling,
    settling,
    work_queue,
    purging,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers() -> AsyncIterator[tuple[NatsServer, ThreadedServer]]:
    """The real one and the fake."""
    async with NatsServer() as real, ThreadedServer(FakeNats) as fake:
        yield real, fake


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
async def test_it_says_what_the_real_one_says(
    scenario: Scenario, servers: tuple[NatsServer, ThreadedServer]
) -> None:
    heard = []
    for server in servers:
        async with talking(server) as talk:
            await scenario(talk)
            heard.append(talk.heard)
        async with talking(server) as talk:
            for name in ("ev", "two", "wq", "last"):
                await talk.api(f"STREAM.DELETE.{name}")
    for by_real, by_fake in zip(*heard, strict=True):
        assert by_fake == by_real


async def test_it_forgets_what_the_real_one_forgets(
    servers: tuple[NatsServer, ThreadedServer],
) -> None:
    """Killed and started again, a work queue does not know the ids any more of what was handled."""
    heard = []
    for server in servers:
        async with talking(server) as talk:
            await talk.api("STREAM.CREATE.ev", STREAM)
            await talk.api("STREAM.CREATE.wq", WORK_QUEUE)
            await talk.consumer(UNFILTERED, "wq")
            for subject in ("events.a", "cmd.a", "cmd.a"):
                await talk.publish(subject, Nats_Msg_Id="1")
            await talk.publish("cmd.a", Nats_Msg_Id="2")
            await talk.pull(2, "wq.g", batch=1)
            await talk.settle(1, 1, "+ACK", "wq.g")
        await server.kill()
        await server.start()
        async with talking(server) as talk:
            for subject in ("events.a", "cmd.a"):
                for number in ("1", "2"):
                    await talk.publish(subject, Nats_Msg_Id=number)
            await talk.api("STREAM.INFO.wq", {"subjects_filter": ">"})
            heard.append(talk.heard)
            for name in ("ev", "wq"):
                await talk.api(f"STREAM.DELETE.{name}")
    by_real, by_fake = heard
    assert by_fake == by_real
    again = [_number(one) for one in by_real[2:6]]
    assert again == [(1, True), (2, False), (3, False), (2, True)]


def _number(frames: list[Any]) -> tuple[int, bool]:
    """Sequence, and whether the message was known."""
    [(_, told)] = frames
    return told["seq"], "duplicate" in told
