"""One stream: takes what is published, knows what it had before, and tells its consumers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Any, NamedTuple

from dovetail import clock
from simulation.servers.nats import errors, stream_config
from simulation.servers.nats.consumer import Consumer
from simulation.servers.nats.headers import field, special
from simulation.servers.nats.roles import Sender
from simulation.servers.nats.store import Store, StoredMessage, size_on_disk
from simulation.servers.nats.stream_config import Config
from simulation.servers.nats.times import rfc3339


class Published(NamedTuple):
    """What a stream is to take."""

    subject: str
    reply: str
    headers: bytes
    payload: bytes


class Stream:
    """Its messages, and the consumers that read them."""

    def __init__(self, server: Sender, config: Config) -> None:
        self._server = server
        self.config = config
        self.name: str = config["name"]
        #: In nanoseconds since 1970.
        self.created = clock.time_ns()
        self.store = Store()
        self.consumers: dict[str, Consumer] = {}
        #: Ids of messages, oldest first, with sequence and time.
        self._ids: OrderedDict[str, tuple[int, int]] = OrderedDict()
        #: On their way to the disk, with the timer of each.
        self._writing: deque[tuple[Published, asyncio.TimerHandle]] = deque()
        self._written_at = 0.0

    # Publishing

    def publish(self, message: Published) -> None:
        """Store it, as soon as the disk has it, and say so."""
        if not self._writing and not any(self._server.disk_seconds):
            self._store(message)
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = now + self._server.random.uniform(*self._server.disk_seconds)
        self._written_at = max(self._written_at, due)
        timer = loop.call_later(self._written_at - now, self._write_next)
        self._writing.append((message, timer))

    def _write_next(self) -> None:
        self._store(self._writing.popleft()[0])

    def _store(self, message: Published) -> None:
        try:
            answer = self._stored(message)
        except errors.ApiError as error:
            answer = {"error": error.fields, "stream": self.name, "seq": 0}
        self._server.answer_json(message.reply, answer)
        if "duplicate" not in answer and (stored := self.store.messages.get(answer["seq"])):
            for consumer in [*self.consumers.values()]:
                consumer.stored(stored)

    def _stored(self, message: Published) -> dict[str, Any]:
        """What is confirmed. Raises ApiError."""
        subject, _, headers, payload = message
        expected = field(headers, "Nats-Expected-Stream")
        if expected and expected != self.name:
            raise errors.other_stream()
        if (name := special(headers)) is not None:
            raise errors.not_simulated(f"a message with {name}")
        now = clock.time_ns()
        self._expire(now)
        message_id = field(headers, "Nats-Msg-Id")
        if message_id in self._ids:
            sequence = self._ids[message_id][0]
            return {"stream": self.name, "seq": sequence, "duplicate": True}
        self._check_room(message)
        sequence = self.store.last + 1
        self.store.add(StoredMessage(sequence, now, subject, headers, payload))
        if message_id and self.config["duplicate_window"] > 0:
            self._ids[message_id] = sequence, now
        self._discard_old(subject)
        return {"stream": self.name, "seq": sequence}

    def _check_room(self, message: Published) -> None:
        config = self.config
        size = size_on_disk(message.subject, message.headers, message.payload)
        if 0 < config["max_msg_size"] < len(message.headers) + len(message.payload):
            raise errors.over_size()
        if config["discard"] == "new":
            if 0 < config["max_msgs"] <= len(self.store.messages):
                raise errors.no_room("messages")
            if 0 < config["max_bytes"] <= self.store.bytes + size:
                raise errors.no_room("bytes")

    def _discard_old(self, subject: str) -> None:
        """Make room for what came."""
        config, store = self.config, self.store
        most = config["max_msgs_per_subject"]
        while 0 < most < len(store.subjects[subject]):
            self.remove(store.subjects[subject][0])
        while 0 < config["max_msgs"] < len(store.messages):
            self.remove(store.first)
        while 0 < config["max_bytes"] < store.bytes:
            self.remove(store.first)

    def _expire(self, now: int) -> None:
        """Forget ids and messages that are too old."""
        window, most = self.config["duplicate_window"], self.config["max_age"]
        while self._ids:
            oldest = next(iter(self._ids))
            if now - self._ids[oldest][1] < window:
                break
            del self._ids[oldest]
        store = self.store
        while most and store.messages and now - store.messages[store.first].time >= most:
            self.remove(store.first)

    # Removing

    def remove(self, sequence: int) -> bool:
        """Whether it was there; who has it in flight need not settle it."""
        message = self.store.remove(sequence)
        if message is None:
            return False
        for consumer in [*self.consumers.values()]:
            consumer.removed(message)
        return True

    def acked(self, sequence: int) -> None:
        """What was handled goes from a work queue: no two of its consumers hear the same."""
        if self.config["retention"] == "workqueue":
            self.remove(sequence)

    def purge(self, pattern: str, upto: int) -> int:
        """Remove those on these subjects before a sequence, or all; gives how many."""
        removed = self.store.purge(pattern, upto)
        for consumer in [*self.consumers.values()]:
            consumer.purged(pattern, removed)
        return len(removed)

    # Consumers

    def consume(self, name: str, config: Config) -> Consumer:
        """Make a consumer."""
        self._expire(clock.time_ns())
        consumer = self.consumers[name] = Consumer(self._server, self, name, config)
        return consumer

    def forget(self, consumer: str) -> None:
        """It has ended."""
        self.consumers.pop(consumer, None)

    # Being asked

    def current(self) -> Store:
        """What it has now."""
        self._expire(clock.time_ns())
        return self.store

    def told(self) -> dict[str, Any]:
        """Settings and state, as the API has them."""
        state = {**self.current().state(), "consumer_count": len(self.consumers)}
        return {
            "config": stream_config.told(self.config),
            "created": rfc3339(self.created),
            "state": state,
            "ts": rfc3339(clock.time_ns()),
        }

    # Ending

    def crash(self) -> None:
        """What was on its way is on the disk or not, the first rather than the last; then it starts again."""
        waiting = self._server.random.randint(0, len(self._writing))
        for message in self._forget_writes()[:waiting]:
            self._store(message)
        for consumer in [*self.consumers.values()]:
            consumer.crash()
        # The ids are read back from what is stored: those of what was removed since are forgotten.
        self._ids.clear()
        for one in self.store.messages.values():
            if message_id := field(one.headers, "Nats-Msg-Id"):
                self._ids[message_id] = one.sequence, one.time
        self._expire(clock.time_ns())

    def close(self) -> None:
        """End it, with its consumers."""
        self._forget_writes()
        for consumer in [*self.consumers.values()]:
            consumer.delete()

    def _forget_writes(self) -> list[Published]:
        messages = [message for message, _ in self._writing]
        for _, timer in self._writing:
            timer.cancel()
        self._writing.clear()
        self._written_at = 0.0
        return messages
