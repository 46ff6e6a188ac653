"""Checks that the ports of one `todo up` differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations

from todo.components import API, WEB
from todo.settings import Settings
from todo.settings_reader import SettingsInvalid

#: Hosts that stand for every address of the machine.
_EVERY = ("0.0.0.0", "::", "0", "")  # noqa: S104 - nothing is bound here
_QUEUE_HOST = "127.0.0.1"


def check_ports(settings: Settings, components: Collection[str], *, queue: bool) -> None:
    """Raises SettingsInvalid where two of what runs together would listen at one port."""
    wrong = [
        f"{mine}: {port} is {theirs}, too; allowed is another port"
        for (theirs, there, other), (mine, here, port) in combinations(
            _places(settings, components, queue), 2
        )
        if port == other and (here == there or here in _EVERY or there in _EVERY)
    ]
    if wrong:
        raise SettingsInvalid(wrong)


def _places(
    settings: Settings, components: Collection[str], queue: bool
) -> Iterator[tuple[str, str, int]]:
    """The setting of each port, the host, and the port."""
    if WEB in components:
        yield "TODO_WEB_PORT", settings.web_host, settings.web_port
    if API in components:
        yield "TODO_API_PORT", settings.api_host, settings.api_port
    if queue:
        yield "TODO_QUEUE_PORT", _QUEUE_HOST, settings.queue_port
        yield "TODO_QUEUE_MONITOR_PORT", _QUEUE_HOST, settings.queue_monitor_port
