"""Waits for a database and brings its schema up to date."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from dovetail import plain_error
from todo.log_backoff import LogBackoff
from todo.store import StoreRefused, StoreUnavailable
from todo.store.address import Address
from todo.store.connections import Connections
from todo.store.driver_errors import reason, translated
from todo.store.preflight import wrong_file
from todo.store.schema import upgrade

log = logging.getLogger("todo.store")

#: How long a migration may take, with others' before it.
MIGRATION_SECONDS = 600.0
#: Between two looks for a database that is not up, at first and at most.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 2.0


async def prepare(connections: Connections, address: Address) -> None:
    """As `todo.store.Store.prepare` says."""
    pause, log_backoff = _FIRST_PAUSE_SECONDS, LogBackoff()
    while True:
        try:
            done = await _attempt(connections, address)
        except StoreRefused:
            raise
        except StoreUnavailable as error:
            if log_backoff.due():
                log.warning(
                    "waiting for the database at %s (%s): %s", address.shown, address.setting, error
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        else:
            log.info(
                "connected to the database at %s%s", address.shown, f", {done}" if done else ""
            )
            return


async def _attempt(connections: Connections, address: Address) -> str:
    if address.file:
        _make_folder(address.file)
    try:
        with translated():
            async with asyncio.timeout(MIGRATION_SECONDS):
                return await connections.run(connections.engine, upgrade, checked=False)
    except DBAPIError as error:  # such as for what the address asks of the driver
        raise StoreRefused(reason(error)) from error


def _make_folder(path: Path) -> None:
    if complaint := wrong_file(path):
        raise StoreRefused(complaint)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreRefused(
            f"its folder {path.parent} cannot be made: {plain_error(error)}"
        ) from error
