"""One consumer: delivers to who asks, until each message is acked; the rules are those of nats-server."""

from __future__ import annotations

import asyncio
from typing import Any

from dovetail import clock
from dovetail.codec.subjects import overlap
from simulation.servers.nats import consumer_config, stream_config
from simulation.servers.nats.leases import Leases
from simulation.servers.nats.positions import Positions
from simulation.servers.nats.pulls import Pulls
from simulation.servers.nats.roles import Sender, Source
from simulation.servers.nats.store import StoredMessage
from simulation.servers.nats.stream_config import Config
from simulation.servers.nats.subjects import matches
from simulation.servers.nats.times import SECOND, nanoseconds, rfc3339

#: Positions are written to the disk so often at most. A crash undoes what was acked since.
SAVE_SECONDS = 0.1


class Consumer:
    """It is known by its name in its stream."""

    def __init__(self, server: Sender, stream: Source, name: str, config: Config) -> None:
        self._server = server
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self.name = name
        self.config = config
        self.created = clock.time_ns()
        self.pulls = Pulls(
            config["max_waiting"],
            lambda reply, block: server.answer(reply, b"", block),
            server.is_heard,
            self._position,
        )
        #: The sequence at which it goes on, and how many it has yet to deliver.
        self._next = self._start()
        self._heard: dict[str, bool] = {}
        self.positions = Positions(delivered=self._next - 1, floor=self._next - 1)
        self.leases = Leases(self)
        self._pending = self._count()
        #: When it delivered last, and when it was acked last.
        self._delivered_at: int | None = None
        self._acked_at: int | None = None
        self._saved = self.positions.copy()
        self._saved_at = 0.0
        self._saving: asyncio.TimerHandle | None = None
        self._inactive: asyncio.TimerHandle | None = None
        self._used()

    @property
    def acks(self) -> bool:
        """Whether what it delivers is to be acked."""
        return bool(self.config["ack_policy"] == "explicit")

    def change(self, config: Config) -> None:
        """Go on with other settings."""
        self.config = config
        self._heard.clear()
        self._pending = self._count()
        self.leases.changed()
        self.pump()

    # What the stream tells

    def stored(self, message: StoredMessage) -> None:
        """It has a new message."""
        if message.sequence >= self._next and self._hears(message.subject):
            self._pending += 1
            self.pump()

    def removed(self, message: StoredMessage) -> None:
        """A message is gone, by itself."""
        if message.sequence >= self._next and self._hears(message.subject):
            self._pending -= 1
        if message.sequence in self.positions.pending:
            self._settle(message.sequence)
        else:
            self.positions.redelivered.pop(message.sequence, None)

    def purged(self, pattern: str, removed: list[StoredMessage]) -> None:
        """All or the first messages of some subjects are gone."""
        store, positions = self._stream.store, self.positions
        heard = consumer_config.filters(self.config) or [">"]
        if not any(overlap(pattern, one) for one in heard):
            return
        start = store.first
        if all(matches(pattern, one) for one in heard):
            start = store.first_of(pattern) or store.last + 1
        self._next = max(self._next, start)
        positions.delivered = max(positions.delivered, self._next - 1)
        gone = [one.sequence for one in removed]
        if positions.drop([*gone, *(one for one in positions.pending if one < start)], start):
            self._acked_at = clock.time_ns()
        if not positions.pending:
            positions.reach_delivered()
        self.leases.forget_settled()
        self._pending = self._count()
        self._changed()

    def forget_missing(self) -> None:
        """Settle what the stream has no more, where nothing before it is left: as after a crash."""
        first = self._stream.store.first
        if self.positions.drop([one for one in self.positions.pending if one < first], first):
            self.leases.forget_settled()
            self._changed()

    # What members say

    def pull(self, request: dict[str, Any], reply: str) -> None:
        """Somebody asks for messages."""
        self.pulls.add(request, reply)
        self._used()
        self.pump()

    def ack(self, sequence: int) -> None:
        """It is handled, or given up."""
        if self.acks and sequence < self._next:
            self._acked_at = clock.time_ns()
            self._settle(sequence)
            self._stream.acked(sequence)
            self.pump()

    def nak(self, sequence: int, delivery: int, delay: int | None) -> None:
        """It is to be delivered again: after a time in nanoseconds, or at once."""
        positions = self.positions
        if sequence not in positions.pending or delivery <= positions.floor_deliveries:
            return
        if delay is None:
            self.leases.deliver_again([sequence])
            self.pump()
            return
        self.leases.put_off(sequence, delay)
        self._changed()

    def renew(self, sequence: int) -> None:
        """Somebody is still at it."""
        if sequence in self.positions.pending:
            self.positions.renew(sequence, clock.time_ns())
            self._changed()

    # Delivering

    def pump(self) -> None:
        """Deliver all that somebody waits for."""
        while self.pulls.waiting and (message := self._next_message()) is not None:
            if not self._deliver(message):
                return

    def _next_message(self) -> StoredMessage | None:
        messages, last = self._stream.store.messages, self._stream.store.last
        while (again := self.leases.first()) is not None:
            if again in messages:
                return messages[again]
            self._settle(again)
        if 0 < self.config.get("max_ack_pending", -1) <= len(self.positions.pending):
            return None
        while self._next <= last:
            message = messages.get(self._next)
            if message is not None and self._hears(message.subject):
                return message
            self._next += 1
        self._pending = 0
        return None

    def _deliver(self, message: StoredMessage) -> bool:
        """Whether somebody took it."""
        positions, sequence = self.positions, message.sequence
        again = sequence < self._next
        count = positions.redelivered.get(sequence, 0) + 1 + again
        pending = self._pending - (not again)
        reply = (
            f"$JS.ACK.{self._stream.name}.{self.name}.{count}.{sequence}."
            f"{positions.delivered_deliveries + 1}.{message.time}.{pending}"
        )
        body = len(message.headers) + len(message.payload)
        size = len(message.subject) + len(reply) + body
        pull = self.pulls.next(size)
        if pull is None:
            return False
        self._pending = pending
        self._take(sequence, again)
        self._server.deliver(pull.reply, message.subject, reply, message.headers, message.payload)
        self.pulls.delivered(pull, size)
        return True

    def _take(self, sequence: int, again: bool) -> None:
        positions, now = self.positions, clock.time_ns()
        if again:
            self.leases.taken(sequence)
            positions.redelivered[sequence] = positions.redelivered.get(sequence, 0) + 1
        else:
            self._next = sequence + 1
        if self.acks:
            positions.deliver(sequence, now)
            self.leases.watch()
        else:
            positions.pass_over(sequence)
        self._delivered_at = now
        self._changed()
        self._used()

    def _settle(self, sequence: int) -> None:
        self.positions.settle(sequence)
        self.leases.taken(sequence)
        self._changed()

    def _hears(self, subject: str) -> bool:
        heard = self._heard.get(subject)
        if heard is None:
            wanted = consumer_config.filters(self.config)
            heard = not wanted or any(matches(one, subject) for one in wanted)
            self._heard[subject] = heard
        return heard

    def _count(self) -> int:
        wanted = consumer_config.filters(self.config) or [">"]
        return sum(self._stream.store.count(one, self._next) for one in wanted)

    def _position(self) -> dict[str, object]:
        last = self.positions.delivered_deliveries
        return {"Nats-Last-Consumer": last, "Nats-Last-Stream": self._next - 1}

    def _start(self) -> int:
        store, config = self._stream.store, self.config
        if position := config.get("opt_start_seq"):
            return max(int(position), store.first)
        start = store.first
        if config["deliver_policy"] == "new":
            start = store.last + 1
        elif config["deliver_policy"] == "by_start_time":
            start = store.first_since(nanoseconds(config["opt_start_time"])) or store.last + 1
        return max(1, start)

    # Timers

    def _used(self) -> None:
        """One that is not kept is gone when nobody uses it."""
        if threshold := self.config.get("inactive_threshold"):
            if self._inactive is not None:
                self._inactive.cancel()
            self._inactive = self._loop.call_later(threshold / SECOND, self.delete)

    def _changed(self) -> None:
        if self._saving is None:
            delay = max(0.0, self._saved_at + SAVE_SECONDS - self._loop.time())
            self._saving = self._loop.call_later(delay, self._save)

    def _save(self) -> None:
        self._saving = None
        self._saved, self._saved_at = self.positions.copy(), self._loop.time()

    # Being asked, and ending

    def told(self) -> dict[str, Any]:
        """Settings and state, as the API has them."""
        positions = self.positions
        self.pulls.look()
        return {
            "stream_name": self._stream.name,
            "name": self.name,
            "created": rfc3339(self.created),
            "config": stream_config.told(self.config),
            "delivered": _position(
                positions.delivered_deliveries, positions.delivered, self._delivered_at
            ),
            "ack_floor": _position(positions.floor_deliveries, positions.floor, self._acked_at),
            "num_ack_pending": len(positions.pending),
            "num_redelivered": len(positions.redelivered),
            "num_waiting": len(self.pulls.waiting),
            "num_pending": self._pending,
            "ts": rfc3339(clock.time_ns()),
        }

    def crash(self) -> None:
        """Go on from what the disk knows; one that is kept in memory is gone."""
        if self.config.get("mem_storage"):
            self.delete()
            return
        self._end_timers()
        self.pulls.clear()
        self.positions = self._saved.read_back()
        self._saved = self.positions.copy()
        self._saved_at = 0.0
        self._delivered_at = self._acked_at = None
        self._next = self.positions.delivered + 1
        self._pending = self._count()
        self.leases.start_again(self._server.random)

    def delete(self) -> None:
        """It is gone."""
        self._end_timers()
        self.pulls.end()
        self._stream.forget(self.name)

    def _end_timers(self) -> None:
        self.leases.stop()
        for timer in (self._inactive, self._saving):
            if timer is not None:
                timer.cancel()
        self._inactive = self._saving = None


def _position(deliveries: int, sequence: int, time: int | None) -> dict[str, Any]:
    told: dict[str, Any] = {"consumer_seq": deliveries, "stream_seq": sequence}
    if time is not None:
        told["last_active"] = rfc3339(time)
    return told
