"""One member's share in a JetStream consumer: pull, hold, renew, settle."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, cast

import msgspec

from dovetail.buffer import Buffer
from dovetail.delivery import Claim, Delivery
from dovetail.errors import DovetailError, QueueFull
from dovetail.letters import DeadLetter
from dovetail.prefetch import MOST_BYTES
from dovetail.transports.nats import layout
from dovetail.transports.nats.attempts import Attempts, Count
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.delivered import NO_COUNT, NatsDelivery, has_fields, stored_at
from dovetail.transports.nats.headers import parse_headers
from dovetail.transports.nats.held import Held
from dovetail.transports.nats.presence import Presence
from dovetail.transports.nats.rights import NotPermitted

log = logging.getLogger("dovetail.nats")

#: A pull request ends after so long; the server says so, and we ask again.
PULL_SECONDS = 30
#: The server says that an idle pull request still stands. Two of them missed: it does not.
HEARTBEAT_SECONDS = 2
RESTORE_SECONDS = 0.5
MOST_ACKED_LATE = 1000
_OURS = b"dovetail."


class NatsSubscription:
    """As dovetail.transport.Subscription says.

    `bury` keeps a dead letter under an id that stands for the delivery; `restore` makes the consumer
    again where it is gone.
    """

    def __init__(
        self,
        client: Client,
        claim: Claim,
        attempts: Attempts,
        bury: Callable[[DeadLetter, str], Awaitable[None]],
        restore: Callable[[], Awaitable[None]],
    ) -> None:
        self._client = client
        self._claim = claim
        self._attempts = attempts
        self._bury = bury
        self._restore = restore
        self._loop = asyncio.get_running_loop()
        self._buffer: Buffer[NatsDelivery] = Buffer(claim.prefetch, self._pull)
        self._held = Held(client, claim, self._start)
        #: Keys of what was acked late, the last of them: the server may have sent it to us again.
        self._acked_late: deque[str] = deque(maxlen=MOST_ACKED_LATE)
        #: How often the event loop was blocked for so long that leases may have ended.
        self._blocks = 0
        #: Messages that were asked for and have not come.
        self._asked = 0
        self._heard = self._loop.time()
        self._restoring = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._name = f"{layout.stream_of(claim)}.{layout.consumer_of(claim.group, claim.subject)}"
        #: What stands before the subjects of commands, and of what is replayed to this group.
        self._own_prefix = layout.own_prefix(claim).encode()
        self._inbox = client.new_inbox()
        self._sid = client.subscribe(self._inbox, self._arrived)
        self._presence = Presence(client, self._name, self._inbox.decode(), self._may_not)
        client.on_connected.append(self._start_over)
        self._keeper = asyncio.create_task(self._keep())

    async def fetch(self, most: int) -> Sequence[Delivery]:
        """As Subscription.fetch."""
        while True:
            self._is_late()
            taken = await self._buffer.take(most)
            if not taken or not self._held.late:
                return taken
            for delivery in taken:  # the loop was blocked before they could be handled
                self._held.let_go(delivery)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.ack."""
        for late in self._held.ack(cast(Sequence[NatsDelivery], deliveries)):
            self._acked_late.append(late.key)
            self._start(self._note_handled(late))
        self._pull()

    async def retry(self, delivery: Delivery, pause: float) -> None:
        """As Subscription.retry."""
        mine = cast(NatsDelivery, delivery)
        if mine in self._held:
            count = Count(mine.count.failed + 1, mine.count.released)
            note = partial(self._attempts.note, mine.key, count)
            verdict = b'-NAK {"delay": %d}' % int(pause * layout.SECOND)
            await self._held.settle_after(note, mine, verdict)
            self._pull()

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.release."""
        if not self._buffer.stopped:
            await self._hold_less(len(self._held) - len(deliveries))
        await asyncio.gather(
            *(self._release(one) for one in cast(Sequence[NatsDelivery], deliveries))
        )

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """As Subscription.bury."""
        mine = cast(NatsDelivery, delivery)
        keep = partial(self._bury, letter, f"{self._name}.{mine.key}")
        await self._held.settle_after(keep, mine, b"+TERM")
        self._pull()

    async def stop(self) -> None:
        """As Subscription.stop."""
        self._held.leaving = True
        self._buffer.stop()
        # What the server sent before it saw the end of the subscription still arrives, and is released.
        await self._client.unsubscribe(self._sid)
        await asyncio.gather(*self._tasks)
        await self.release(self._buffer.drain())

    async def close(self) -> None:
        """As Subscription.close."""
        if not self._buffer.stopped:
            await self.stop()
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        if self._start_over in self._client.on_connected:
            self._client.on_connected.remove(self._start_over)
        self._held.clear()
        self._presence.end()
        if self._client.connected:
            await self._client.flush(HEARTBEAT_SECONDS)

    # Taking

    def _pull(self) -> None:
        """Ask for what there is room for, unless it is too little to be worth a request."""
        buffer, held = self._buffer, self._held
        room = buffer.window.room(len(held), held.bytes, self._asked, buffer.idle)
        if buffer.stopped or not room:
            return
        self._asked += room
        request = {
            "batch": room,
            "expires": PULL_SECONDS * layout.SECOND,
            "idle_heartbeat": HEARTBEAT_SECONDS * layout.SECOND,
            "max_bytes": max(MOST_BYTES, 2 * self._client.info.max_payload),
        }
        body = msgspec.json.encode(request)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._name}".encode()
        self._client.write(b"PUB %s %s %d\r\n%s\r\n" % (subject, self._inbox, len(body), body))

    def _arrived(self, subject: bytes, reply: bytes, headers: bytes | None, payload: bytes) -> None:
        words = reply.split(b".")
        if len(words) < 9 or words[1] != b"ACK":
            if headers is not None:
                self._told(headers)
            return
        if self._asked:
            self._asked -= 1
        # $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.…, or two more words before the stream.
        deliveries, sequence = words[4:6] if len(words) == 9 else words[6:8]
        held = self._held.messages.get(sequence)
        if held is not None:
            if stored_at(held.reply) == stored_at(reply):
                # Its lease ended while we hold it: the later delivery is the one to be acked.
                held.reply = reply
                return
            self._held.let_go(held)  # its stream was made anew
        if subject.startswith(_OURS):
            own = self._own_prefix
            if not subject.startswith(own):  # another group's replay, which `>` matches, too
                self._client.write(b"PUB %s 4\r\n+ACK\r\n" % reply)
                return
            subject = subject[len(own) :]
        fields = parse_headers(headers) if headers and has_fields(headers) else None
        # Other clients may use any bytes.
        delivery = NatsDelivery(subject.decode(errors="replace"), payload, fields)
        delivery.sequence, delivery.reply = sequence, reply
        self._heard = self._loop.time()
        delivery.count = NO_COUNT
        self._held.add(delivery)
        if deliveries == b"1":
            self._buffer.put(delivery)
        else:
            self._start(self._look_up(delivery, int(deliveries)))

    def _may_not(self, refusal: NotPermitted) -> None:
        self._buffer.fail(refusal)

    async def _look_up(self, delivery: NatsDelivery, deliveries: int) -> None:
        """Find out how the earlier deliveries ended, then hand it over."""
        blocks = self._blocks
        try:
            delivery.count = count = await self._attempts.read(delivery.key)
        except DovetailError as error:
            log.warning("message %s is left until its lease ends: %s", delivery.message_id, error)
            self._held.let_go(delivery)
            return
        if count.handled or delivery.key in self._acked_late:
            self._held.settle(delivery, b"+ACK")
            return
        if blocks != self._blocks:  # its lease may have ended since
            self._held.let_go(delivery)
            return
        delivery.attempt = count.failed + 1
        delivery.lost = max(0, deliveries - 1 - count.failed - count.released)
        self._buffer.put(delivery)

    def _told(self, headers: bytes) -> None:
        """The server ended a pull request, or says that it still stands."""
        status, fields = headers[9:12], parse_headers(headers)
        self._heard = self._loop.time()
        if status == b"100":
            return
        self._asked = max(0, self._asked - int(fields.get("Nats-Pending-Messages", self._asked)))
        if status == b"503" or b"Deleted" in headers.split(b"\r\n", 1)[0]:
            self._start(self._restore_consumer())
        elif status == b"409" and not self._asked:
            # Leadership changes and the like: not at once, or we would ask in a tight loop.
            self._loop.call_later(RESTORE_SECONDS, self._pull)
        else:
            self._pull()

    # Settling

    async def _note_handled(self, delivery: NatsDelivery) -> None:
        """For whoever is sent it though it was handled: its lease may have ended before it was acked."""
        count = msgspec.structs.replace(delivery.count, handled=True)
        try:
            await self._attempts.note(delivery.key, count)
        except DovetailError as error:
            log.warning("message %s may be handled again: %s", delivery.message_id, error)

    async def _release(self, delivery: NatsDelivery) -> None:
        if delivery not in self._held:
            return
        if self._held.is_doubtful(delivery):  # it is not ours to give back, if others have it
            self._held.let_go(delivery)
            return
        count = Count(delivery.count.failed, delivery.count.released + 1)
        try:
            await self._attempts.note(delivery.key, count)
        except DovetailError as error:
            full = isinstance(error, QueueFull) and not self._buffer.stopped
            if full and (mine := self._held.take_over(delivery)) is not None:
                self._buffer.put(mine)  # to a handler of ours again
                return
            log.warning("message %s goes back when its lease ends: %s", delivery.message_id, error)
            self._held.let_go(delivery)
        else:
            self._held.settle(delivery, b"-NAK")
            self._pull()

    # Keeping

    async def _keep(self) -> None:
        """Renew leases, and notice when a pull request is gone though nobody said so."""
        while True:
            await asyncio.sleep(min(self._claim.lease / 3, HEARTBEAT_SECONDS))
            self._is_late()
            self._held.renew()
            self._give_back()
            silence = self._loop.time() - self._heard
            if self._asked and silence > 2.5 * HEARTBEAT_SECONDS and self._client.connected:
                self._start(self._restore_consumer())
            elif not self._asked:
                self._pull()

    def _give_back(self) -> None:
        """What waits too long for its handler here goes to another member."""
        if self._buffer.is_overdue():
            self._start(self.release(self._buffer.drain()))  # leases are renewed meanwhile

    def _is_late(self) -> bool:
        """Whether the event loop was blocked: what waits here, or is on its way, others may have by now.

        Then it is let go, and we ask anew.
        """
        if self._buffer.stopped or not self._held.late:
            return False
        self._blocks += 1
        for delivery in self._buffer.drain():
            self._held.let_go(delivery)
        self._held.doubt()
        self._client.forget(self._sid)
        self._inbox = self._client.new_inbox()
        self._sid = self._client.subscribe(self._inbox, self._arrived)
        self._held.renew()
        self._start_over()
        return True

    async def _hold_less(self, window: int) -> None:
        """Take back what was asked for, so that what is released does not come straight back."""
        self._buffer.window.size = max(1, min(self._buffer.window.size, window))
        if self._asked:
            self._asked = 0
            former, self._inbox = self._sid, self._client.new_inbox()
            self._sid = self._client.subscribe(self._inbox, self._arrived)
            await self._client.unsubscribe(former)

    async def _restore_consumer(self) -> None:
        if self._restoring or self._buffer.stopped:
            return
        self._restoring = True
        try:
            await asyncio.sleep(RESTORE_SECONDS)
            await self._restore()
        except DovetailError as error:
            log.warning("%s cannot be read now, trying again: %s", self._name, error)
        finally:
            self._restoring = False
        self._start_over()

    def _start_over(self) -> None:
        """After the connection was made again: earlier pull requests are gone."""
        self._asked = 0
        self._heard = self._loop.time()
        self._pull()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
