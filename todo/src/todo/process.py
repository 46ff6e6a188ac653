"""Runs one process of the application: reads its settings, sets up its log, and returns its exit status."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable

from dovetail import ConfigurationError, DovetailError, plain_error, printable
from todo import logs
from todo.components import WRONG
from todo.data_folder import UMASK
from todo.settings import Settings, read_settings
from todo.settings_reader import SettingsInvalid
from todo.store import SchemaTooNew, StoreRefused, StoreUnavailable

log = logging.getLogger("todo")

#: How long a component has to end after its supervisor is gone.
ORPHAN_SECONDS = 12.0

#: What the library calls it → our setting.
_SETTINGS = {"replicas": "TODO_QUEUE_REPLICAS"}

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class CannotRun(Exception):
    """What the command line asks for cannot be; the text says why."""


def run_process(
    name: str,
    work: Callable[[Settings], Awaitable[int | None]],
    loop_factory: LoopFactory | None = None,
) -> int:
    """Read the settings, do the work, and return the exit status: 2 where a setting is wrong.

    Raises CannotRun where the work does; other errors are logged, for a status of 1.
    """
    try:
        settings = read_settings()
    except SettingsInvalid as error:
        return _wrong(*error.lines)
    os.umask(UMASK)
    try:
        logs.configure(settings, name)
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(_stoppable(work(settings))) or 0
    except SettingsInvalid as error:
        return _wrong(*error.lines)
    except ConfigurationError as error:
        setting = error.setting or settings.queue_setting
        line = _naming(_SETTINGS.get(setting, setting), str(error))
        return _wrong(line + _password_from("TODO_QUEUE_PASSWORD", settings.queue_password))
    except SchemaTooNew as error:
        return _wrong(f"{settings.database_setting}: the database cannot be used: {error}")
    except StoreRefused as error:
        line = f"{settings.database_setting}: the database cannot be used: {error}"
        return _wrong(line + _password_from("TODO_DATABASE_PASSWORD", settings.database_password))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0
    except CannotRun:
        raise
    except (DovetailError, StoreUnavailable, OSError, MemoryError) as error:
        # A thing of the outside, and none of ours: a line says all there is to say.
        log.error("%s ends: %s", name, plain_error(error))
        log.debug("where it was", exc_info=True)
        return 1
    except Exception:
        log.exception("%s ends because of an error", name)
        return 1


async def _stoppable(work: Awaitable[int | None]) -> int | None:
    """Do the work; SIGTERM and Ctrl-C cancel it, until it arranges that otherwise."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    return await task


def _naming(setting: str, text: str) -> str:
    return text if setting in text else f"{setting}: {text}"


def _password_from(setting: str, password: str | None) -> str:
    return f" (the password is that of {setting})" if password else ""


def _wrong(*lines: str) -> int:
    for line in lines:
        print(printable(line), file=sys.stderr)  # noqa: T201 - there may be no log yet, and it is for a person
    return WRONG


def end_with_parent() -> None:
    """SIGTERM to this process when its stdin ends, which the parent holds open, however that ended."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
