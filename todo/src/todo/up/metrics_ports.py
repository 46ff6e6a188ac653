"""The monitoring ports of the components on one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from todo.listen_address import ListenAddress, monitoring_address
from todo.settings import Settings
from todo.settings_reader import SettingsInvalid

#: Ports that are looked at, from the one that is set: all instances, and some that others use.
_LOOKED_AT = 1000


class MetricsPorts:
    """One port for each instance, counted from the one that is set; ports in use are left out."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._taken: dict[str, int] = {}

    @property
    def taken(self) -> Mapping[str, int]:
        """By the instances' names; empty where no port is set."""
        return self._taken

    def environment(self, name: str) -> dict[str, str]:
        """What tells an instance its port, which is its own for good. Raises SettingsInvalid."""
        if self._settings.metrics_port is None:
            return {}
        if name not in self._taken:
            self._taken[name] = self._next(monitoring_address(self._settings))
        return {"TODO_METRICS_PORT": str(self._taken[name])}

    def _next(self, first: ListenAddress) -> int:
        settings = self._settings
        ours = {settings.web_port, settings.api_port, settings.queue_port}
        ours |= {settings.queue_monitor_port, *self._taken.values()}
        last = min(first.port + _LOOKED_AT, 65_535)
        for port in range(first.port, last + 1):
            if port not in ours and replace(first, port=port).is_free():
                return port
        raise SettingsInvalid(
            [
                f"{first.port_setting}: ports {first.port} to {last} of {first.host} are in use; "
                "allowed is a number with as many free ones behind it as there are components"
            ]
        )
