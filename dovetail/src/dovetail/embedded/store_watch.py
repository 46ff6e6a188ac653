"""Watches the store of a running server, for its owner: a full disk, a folder that is gone, what is damaged.

The server itself tells of these in its log only, if at all. After a full disk it refuses everything until it
is started again, and in a folder that was removed it goes on as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path

from dovetail.embedded.folder import QueueFolder, ServerState, reachable
from dovetail.embedded.known import KnownFile, known_now, missing
from dovetail.embedded.monitor import StoreState, store_state
from dovetail.embedded.progress import forget_progress
from dovetail.embedded.room import FULL_BYTES, SHARE, can_be_written, free_bytes
from dovetail.embedded.server_log import ServerLog
from dovetail.errors import QueueError

log = logging.getLogger("dovetail.embedded")

#: Between two looks at the folder, its disk and the log.
LOOK_SECONDS = 1.0
#: Looks between two at what the store holds.
EACH = 5
#: How long handlers have to finish what only the memory of the server holds.
RESCUE_SECONDS = 5.0
#: Between two restarts because of the store, at least; each further one waits twice as long.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
#: The store may be let grow when it has come so near to its limit.
NEAR = 0.9


class StoreWatch:
    """One for each owner. `restart` has the server ended and started again."""

    def __init__(
        self, folder: QueueFolder, state: ServerState, restart: Callable[[], Awaitable[None]]
    ) -> None:
        self._folder = folder
        self._state = state
        self._restart_server = restart
        self._known = KnownFile(folder.known)
        self._log = ServerLog(folder.log, 0)
        #: Which folders these are, of the queue and its store; None while the server is started.
        self._identity: tuple[tuple[int, int], ...] | None = None
        self._streams: list[Path] = []
        #: Whose progress was removed in this run of the server.
        self._forgotten: set[tuple[str, str, str]] = set()
        self._task: asyncio.Task[None] | None = None
        #: Why it cannot write, and since when. "" while it can, as far as we know.
        self._stuck = ""
        self._since = ""
        self._restarted = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    async def begin(self, log_start: int) -> None:
        """Compare the store with what is known of it, and watch it from now on."""
        self._log = ServerLog(self._folder.log, log_start)
        self._forgotten.clear()
        self._complain()
        store = await self._compare()
        await self._count_on(store)
        self._identity = _identity(self._folder.path)
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="embedded NATS server's store")

    async def end(self) -> None:
        """Watch no more; what the store holds is known for the next start."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        if (store := await self._read()) is not None and await self._in_place():
            await self._know(store, final=True)

    async def _watch(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            try:
                self._complain()
                if not await self._in_place():
                    await self._go_on_elsewhere()
                elif self._is_full():
                    await self._until_there_is_room()
                elif looks % EACH == 0:
                    await self._remember()
            except Exception:
                log.exception("the queue's store cannot be watched now")

    def _complain(self) -> None:
        for one in self._log.complaints():
            if one.stuck:
                self._cannot_write(one.stuck)
            elif one.consumer:
                self._forget(one.consumer)
            else:
                log.log(logging.ERROR if one.serious else logging.WARNING, "%s", one.text)

    def _forget(self, consumer: tuple[str, str, str]) -> None:
        # Once: what is read of the log later, the server may have said before the file was removed.
        if consumer not in self._forgotten:
            self._forgotten.add(consumer)
            forget_progress(self._folder.path, *consumer)

    # What it holds

    async def _read(self) -> StoreState | None:
        return await store_state(reachable(self._state.host), self._state.monitor_port)

    async def _compare(self) -> StoreState | None:
        """Say what is missing, once: from then on the store is known as it is."""
        store = await self._read()
        if store is None:
            return None
        self._streams = self._folders_of(store)
        known = self._known.read()
        if known is not None and known.may_lack_the_last:
            log.error(
                "the machine has started anew since %s, and the queue was not ended in order: if its power "
                "failed, what was confirmed in the last second or two may be missing. Publish again what is "
                "known of it; with sync=always nothing is lost",
                _shown(known.at),
            )
        if known is not None and (lost := missing(known, store.streams)):
            log.error(
                "messages are missing in the queue's store %s: %s. They were there at %s; its files were "
                "removed or damaged since. Restore the folder from a backup while nothing runs, or publish "
                "again what was accepted before; if you emptied it yourself, all is well",
                self._folder.path,
                "; ".join(lost),
                _shown(known.at),
            )
        await self._know(store)
        return store

    async def _know(self, store: StoreState, *, final: bool = False) -> None:
        known = known_now(store.streams, final=final, sync=self._state.sync)
        await asyncio.to_thread(self._known.write, known)  # a sync may take its time

    async def _count_on(self, store: StoreState | None) -> None:
        """Let a stream that has gone back give no sequence again: see there."""
        streams = {} if store is None else store.streams
        if any(one.delivered > one.state.last_seq for one in streams.values()):
            stream_rollback = import_module("dovetail.transports.nats.stream_rollback")
            try:
                await stream_rollback.skip_lost_sequences_at(self._state.url(self._folder.secret()))
            except QueueError as error:
                log.error("what comes next may be handed to no group: %s", error)

    async def _remember(self) -> None:
        store = await self._compare()
        if store is None or not store.config.max_storage:
            return
        limit = store.config.max_storage
        could = store.storage + free_bytes(self._folder.path) * SHARE
        if store.storage > limit * NEAR and could > limit * 1.5 and self._may_restart():
            log.warning(
                "the disk of the queue's store has more room than before: it may grow further"
            )
            await self._restart()

    # The disk

    def _is_full(self) -> bool:
        with contextlib.suppress(OSError):  # gone this moment: the next look says so
            if not self._stuck and free_bytes(self._folder.path) < FULL_BYTES:
                self._cannot_write("no space left on device")
        return bool(self._stuck)

    def _cannot_write(self, why: str) -> None:
        if self._stuck:
            return
        self._stuck, self._since = why, _shown(datetime.now().astimezone())
        if why == "no space left on device":
            log.error(
                "the disk of %s is full: the queue takes no messages, and loses none. Make room there; it "
                "goes on by itself then",
                self._folder.path,
            )
        else:
            log.error(
                "the queue server cannot write to %s (%s): it takes no messages, and loses none. Mend that; "
                "it goes on by itself then",
                self._folder.path,
                why,
            )

    async def _until_there_is_room(self) -> None:
        if self._may_restart() and await asyncio.to_thread(can_be_written, self._folder.path):
            log.warning(
                "the queue's store can be written again, which it could not since %s: the queue server is "
                "started again",
                self._since,
            )
            self._stuck = ""
            await self._restart()

    # The folder

    async def _in_place(self) -> bool:
        """Whether the files are still there that the server uses."""
        if self._identity is None:
            return True
        if _identity(self._folder.path) != self._identity:
            return False
        if all(map(Path.is_dir, self._streams)):
            return True
        # Either they were removed, or someone has deleted a stream in order.
        store = await self._read()
        self._streams = [] if store is None else self._folders_of(store)
        return all(map(Path.is_dir, self._streams))

    def _folders_of(self, store: StoreState) -> list[Path]:
        """Where the messages of each stream are, as far as that is known."""
        accounts = self._folder.path / "jetstream"
        return [
            accounts / account.name / "streams" / stream.name / "msgs"
            for account in store.account_details
            for stream in account.stream_detail
        ]

    async def _go_on_elsewhere(self) -> None:
        log.error(
            "files of the queue's store %s were removed or replaced while the queue runs, noticed at %s. "
            "What it holds is in the memory of its server alone now; handlers have %g s to finish it",
            self._folder.path,
            _shown(datetime.now().astimezone()),
            RESCUE_SECONDS,
        )
        store = await self._drained()
        held = [] if store is None else missing(known_now(store.streams), {})
        log.error(
            "the queue starts again with an empty store. Gone are: %s. What of it was handled "
            "has its effects; to have the rest, end everything, restore %s from a backup, and start again, "
            "or publish again what was accepted until it is back, of which the next line tells",
            "; ".join(held) or "no messages",
            self._folder.path,
        )
        self._identity = None
        with contextlib.suppress(OSError):
            self._known.path.unlink()
        await self._restart()

    async def _drained(self) -> StoreState | None:
        """The store when everything in it is handled, or when the time for that is over."""
        until = time.monotonic() + RESCUE_SECONDS
        while (store := await self._read()) is not None and time.monotonic() < until:
            if not any(one.waiting for one in store.streams.values()):
                break
            await asyncio.sleep(LOOK_SECONDS / 5)
        return store

    # Starting again

    def _may_restart(self) -> bool:
        return time.monotonic() - self._restarted >= self._pause

    async def _restart(self) -> None:
        calm = time.monotonic() - self._restarted > 10 * LONGEST_PAUSE_SECONDS
        self._pause = FIRST_PAUSE_SECONDS if calm else min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        self._restarted = time.monotonic()
        await self._restart_server()


def _identity(folder: Path) -> tuple[tuple[int, int], ...] | None:
    try:
        found = [path.stat() for path in (folder, folder / "jetstream")]
    except OSError:
        return None
    return tuple((one.st_dev, one.st_ino) for one in found)


def _shown(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
