"""`todo health`: asks the component that runs here how it is. Needs the standard library only."""

from __future__ import annotations

import socket

import msgspec

from dovetail import plain_error, printable
from todo.components import WRONG
from todo.settings_monitoring import MonitoringSettings, read_monitoring_settings
from todo.settings_reader import SettingsInvalid

#: Seconds that it has to answer; it asks queue and database itself, for two of them.
PATIENCE = 4.0
#: Bytes of an answer at most.
_MOST = 65_536
#: Where to connect to what listens on every address.
_EVERY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only compared


class Unhealthy(Exception):
    """What is wrong, in one line. `status` is that of the command."""

    def __init__(self, words: str, status: int = 1) -> None:
        super().__init__(words)
        self.status = status


def check_health(*, ready: bool) -> str:
    """What the component says of itself, in one line. Raises Unhealthy."""
    try:
        settings = read_monitoring_settings()
    except SettingsInvalid as error:
        raise Unhealthy("; ".join(error.lines), WRONG) from None
    if settings.metrics_port is None:
        raise Unhealthy(
            "TODO_METRICS_PORT is not set, so components do not say how they are; set it to a free "
            "port, for the component and for this command"
        )
    return _said(*_answer(settings, settings.metrics_port, "/ready" if ready else "/health"))


def _answer(settings: MonitoringSettings, port: int, path: str) -> tuple[int, bytes]:
    """Status and body."""
    host = _EVERY.get(settings.metrics_host, settings.metrics_host)
    where = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), PATIENCE) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {where}\r\n\r\n".encode())
            with connection.makefile("rb") as response:
                head, _, body = response.read(_MOST).partition(b"\r\n\r\n")
    except TimeoutError:
        raise Unhealthy(
            f"no answer from {where} (TODO_METRICS_PORT) within {PATIENCE:g} s"
        ) from None
    except OSError as error:
        raise Unhealthy(
            f"nothing answers at {where} (TODO_METRICS_PORT): {plain_error(error)}"
        ) from None
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise Unhealthy(
            f"what answers at {where} (TODO_METRICS_PORT) is no component of this program"
        )
    return int(words[1]), body


def _said(status: int, body: bytes) -> str:
    try:
        parts = msgspec.json.decode(body, type=dict[str, str])
    except msgspec.DecodeError:
        raise Unhealthy(f"it answers with status {status} and says nothing of itself") from None
    said = ", ".join(f"{name} {part}" for name, part in parts.items())
    said = printable(said.removeprefix("status "))
    if status != 200:
        raise Unhealthy(said)
    return said
