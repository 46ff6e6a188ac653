"""One member's share in a JetStream consumer: what it takes, and how it settles that."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, cast

import msgspec

from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Claim, Delivery
from dovetail.errors import DovetailError, QueueFull
from dovetail.transports.common.buffer import Buffer
from dovetail.transports.nats import topology
from dovetail.transports.nats.attempts import AttemptCount, AttemptStore
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.consumer_reports import ConsumerReports
from dovetail.transports.nats.delivery import NatsDelivery, stored_at
from dovetail.transports.nats.in_flight import ACK, NAK, TERM, InFlight
from dovetail.transports.nats.limits import HEARTBEAT_SECONDS, MOST_ACKED_LATE, RESTORE_SECONDS
from dovetail.transports.nats.members import MemberAnswer
from dovetail.transports.nats.permissions import NotPermitted
from dovetail.transports.nats.protocol import pub
from dovetail.transports.nats.pull import (
    CONFLICT,
    NOBODY_THERE,
    STANDS,
    PullRequests,
)
from dovetail.unforeseen import Unforeseen

log = logging.getLogger("dovetail.nats")

_OURS = b"dovetail."


class NatsSubscription:
    """`bury` keeps a dead letter under an id that stands for the delivery; `restore` makes the consumer
    again where it is gone, and reads its settings, which `config` gives.
    """

    def __init__(
        self,
        client: Client,
        claim: Claim,
        attempts: AttemptStore,
        bury: Callable[[DeadLetter, str], Awaitable[None]],
        restore: Callable[[], Awaitable[None]],
        config: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._client = client
        self._claim = claim
        self._attempts = attempts
        self._bury = bury
        self._restore = restore
        self._loop = asyncio.get_running_loop()
        self._buffer: Buffer[NatsDelivery] = Buffer(claim.prefetch, self._pull)
        self._in_flight = InFlight(client, claim, self._start)
        #: Keys of what was acked late, the last of them: the server may have sent it to us again.
        self._acked_late: deque[str] = deque(maxlen=MOST_ACKED_LATE)
        #: How often the event loop was blocked for so long that leases may have ended.
        self._blocks = 0
        self._restoring = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._unforeseen = Unforeseen(log, f"the work of a member of {claim.group}")
        self._name = topology.consumer_name(claim)
        self._consumer_reports = ConsumerReports(self._name)
        #: What stands before the subjects of commands, and of what is replayed to this group.
        self._own_prefix = topology.own_prefix(claim).encode()
        self._pulls = PullRequests(client, self._name, config, self._arrived)
        self._member_answer = MemberAnswer(client, self._name)
        client.refusals.listeners.append(self._refused)
        client.on_connected.append(self._start_over)
        self._lease_renewal = asyncio.create_task(self._renew_leases())
        self._closed = False

    async def fetch(self, most: int) -> Sequence[Delivery]:
        while True:
            self._let_go_if_blocked()
            taken = await self._buffer.take(most)
            if not taken or not self._in_flight.late:
                return taken
            for delivery in taken:  # the loop was blocked before they could be handled
                self._in_flight.let_go(delivery)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        for late in self._in_flight.ack(cast(Sequence[NatsDelivery], deliveries)):
            self._acked_late.append(late.key)
            self._start(self._note_handled(late))
        self._pull()

    async def retry(self, delivery: Delivery, pause: float) -> None:
        mine = cast(NatsDelivery, delivery)
        if mine in self._in_flight:
            count = AttemptCount(mine.count.failed + 1, mine.count.released)
            note = partial(self._attempts.note, mine.key, count)
            verdict = b'%s {"delay": %d}' % (NAK, int(pause * topology.SECOND))
            await self._in_flight.settle_after(note, mine, verdict)
            self._pull()

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        if not self._buffer.stopped:
            await self._hold_less(len(self._in_flight) - len(deliveries))
        await asyncio.gather(
            *(self._release(one) for one in cast(Sequence[NatsDelivery], deliveries))
        )

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        mine = cast(NatsDelivery, delivery)
        keep = partial(self._bury, letter, f"{self._name}.{mine.key}")
        await self._in_flight.settle_after(keep, mine, TERM)
        self._pull()

    async def stop(self) -> None:
        self._in_flight.leaving = True
        self._buffer.stop()
        # What the server sent before it saw the end of the subscription still arrives, and is released.
        await self._pulls.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.release(self._buffer.drain())

    async def close(self) -> None:
        if not self._buffer.stopped:
            await self.stop()
        if self._closed:
            return
        self._closed = True
        self._lease_renewal.cancel()
        await asyncio.wait([self._lease_renewal])
        self._client.on_connected.remove(self._start_over)
        self._client.refusals.listeners.remove(self._refused)
        self._in_flight.clear()
        self._member_answer.end()
        if self._client.connected:
            await self._client.flush(HEARTBEAT_SECONDS)

    # Taking

    def _pull(self) -> None:
        """Ask for what there is room for, unless it is too little to be worth a request."""
        buffer, in_flight = self._buffer, self._in_flight
        room = buffer.window.room(len(in_flight), in_flight.bytes, self._pulls.missing, buffer.idle)
        if room and not buffer.stopped:
            self._pulls.ask(room)

    def _arrived(self, subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        # $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.…, or two more words before the stream.
        words = reply.split(b".")
        if len(words) < 9 or words[1] != b"ACK":
            if headers is not None:
                self._pull_ended(headers)
            return
        number, sequence = words[4:6] if len(words) == 9 else words[6:8]
        self._pulls.came()
        former = self._in_flight.messages.get(sequence)
        if former is not None:
            if stored_at(former.reply) == stored_at(reply):
                # Its lease ended while it is in flight: the later delivery is the one to be acked.
                former.reply = reply
                return
            self._in_flight.let_go(former)  # its stream was made anew
        if subject.startswith(_OURS):
            own = self._own_prefix
            if not subject.startswith(own):  # another group's replay, which `>` matches, too
                self._client.write(pub(reply, ACK))
                return
            subject = subject[len(own) :]
        delivery = NatsDelivery(subject, reply, sequence, headers, payload)
        self._in_flight.add(delivery)
        if number == b"1":
            self._buffer.put(delivery)
        else:
            self._start(self._look_up(delivery, int(number)))

    async def _look_up(self, delivery: NatsDelivery, deliveries: int) -> None:
        """Find out how the earlier deliveries ended, then hand it over."""
        blocks = self._blocks
        try:
            delivery.count = count = await self._attempts.read(delivery.key)
        except DovetailError as error:
            log.warning("message %s is left until its lease ends: %s", delivery.message_id, error)
            self._in_flight.let_go(delivery)
            return
        except Exception:  # or its lease would be renewed for ever
            self._in_flight.let_go(delivery)
            raise
        if count.handled or delivery.key in self._acked_late:
            self._in_flight.settle(delivery, ACK)
            return
        if blocks != self._blocks:  # its lease may have ended since
            self._in_flight.let_go(delivery)
            return
        delivery.attempt = count.failed + 1
        delivery.unsettled = max(0, deliveries - 1 - count.failed - count.released)
        self._buffer.put(delivery)

    def _pull_ended(self, headers: bytes) -> None:
        """The server ended a pull request, or says that it still stands."""
        status = self._pulls.told(headers)
        if status == STANDS:
            return
        said = headers.split(b"\r\n", 1)[0]
        if status == CONFLICT and self._pulls.refused(headers):
            # Its limits may have been changed: they are read again.
            self._consumer_reports.limited(said[13:].decode())
            self._start(self._restore_consumer())
        elif status == NOBODY_THERE or b"Deleted" in said:
            self._start(self._restore_consumer())
        elif status == CONFLICT and not self._pulls.missing:
            # Leadership changes and the like: not at once, or we would ask in a tight loop.
            self._loop.call_later(RESTORE_SECONDS, self._pull)
        else:
            self._pull()

    def _refused(self, refusal: NotPermitted) -> bool:
        subject = refusal.subject
        mine = self._pulls.concerns(subject) or subject.startswith(f"$JS.ACK.{self._name}.")
        if mine:
            self._buffer.fail(refusal)
        return mine

    # Settling

    async def _note_handled(self, delivery: NatsDelivery) -> None:
        """For whoever is sent it though it was handled: its lease may have ended before it was acked."""
        count = msgspec.structs.replace(delivery.count, handled=True)
        try:
            await self._attempts.note(delivery.key, count)
        except DovetailError as error:
            log.warning("message %s may be handled again: %s", delivery.message_id, error)

    async def _release(self, delivery: NatsDelivery) -> None:
        if delivery not in self._in_flight:
            return
        if self._in_flight.is_doubtful(delivery):  # it is not ours to release, if others have it
            self._in_flight.let_go(delivery)
            return
        count = AttemptCount(delivery.count.failed, delivery.count.released + 1)
        try:
            await self._attempts.note(delivery.key, count)
        except DovetailError as error:
            is_full = isinstance(error, QueueFull) and not self._buffer.stopped
            if is_full and (mine := self._in_flight.take_over(delivery)) is not None:
                self._buffer.put(mine)  # to a handler of ours again
                return
            log.warning("message %s goes back when its lease ends: %s", delivery.message_id, error)
            self._in_flight.let_go(delivery)
        else:
            self._in_flight.settle(delivery, NAK)
            self._pull()

    # Leases

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(min(self._claim.lease / 3, HEARTBEAT_SECONDS))
            try:
                self._keep_up()
            except Exception as error:  # noqa: BLE001 - or leases would end while handlers run
                self._unforeseen.tell(error)

    def _keep_up(self) -> None:
        """Renew the leases, and ask for more where a pull request is gone though nobody said so."""
        self._let_go_if_blocked()
        self._in_flight.renew()
        if self._buffer.is_overdue():  # to another member; leases are renewed meanwhile
            self._start(self.release(self._buffer.drain()))
        if self._pulls.is_silent():
            self._start(self._restore_consumer())
        elif not self._pulls.missing:
            self._pull()

    def _let_go_if_blocked(self) -> None:
        """Where the event loop was blocked, others may have by now what waits here, or is on its way.

        Then it is let go, and we ask anew.
        """
        if self._buffer.stopped or not self._in_flight.late:
            return
        self._blocks += 1
        for delivery in self._buffer.drain():
            self._in_flight.let_go(delivery)
        self._in_flight.doubt()
        self._pulls.drop()
        self._in_flight.renew()
        self._pull()

    async def _hold_less(self, window: int) -> None:
        """Take back what was asked for, so that what is released does not come straight back."""
        self._buffer.window.size = max(1, min(self._buffer.window.size, window))
        await self._pulls.withdraw()

    async def _restore_consumer(self) -> None:
        if self._restoring or self._buffer.stopped:
            return
        self._restoring = True
        try:
            await asyncio.sleep(RESTORE_SECONDS)
            await self._restore()
        except DovetailError as error:
            self._consumer_reports.refused(error)
        else:
            self._consumer_reports.is_there(served=self._pulls.served)
            self._pulls.served = False
        finally:
            self._restoring = False
        self._start_over()

    def _start_over(self) -> None:
        """After the connection was made again: earlier pull requests are gone."""
        self._pulls.forget()
        self._pull()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._unforeseen.tell(error)
