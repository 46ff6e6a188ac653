"""The address at which a component listens."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from dovetail import plain_error
from todo.settings_monitoring import MonitoringSettings
from todo.settings_reader import SettingsInvalid


@dataclass(frozen=True)
class ListenAddress:
    """Host and port, and the names of their settings."""

    host: str
    port: int
    host_setting: str
    port_setting: str

    def bind(self) -> socket.socket:
        """The socket, which nobody can connect to before it is served. Raises SettingsInvalid."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
        except OSError as error:
            listener.close()
            raise SettingsInvalid([self._complaint(error)]) from error
        return listener

    def listen(self, bound: socket.socket) -> None:
        """From now on others can connect. Raises SettingsInvalid.

        Two programs that start together may both bind, and one of them learns only here that it is too late.
        """
        try:
            bound.listen()
        except OSError as error:
            raise SettingsInvalid([self._complaint(error)]) from error

    def is_free(self) -> bool:
        """Whether nothing else listens there now. Raises SettingsInvalid where nothing could."""
        try:
            with self.bind() as listener:
                listener.listen(1)  # two may bind to one port, and one listen
        except SettingsInvalid as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE:
                return False
            raise
        except OSError:
            return False
        return True

    def _complaint(self, error: OSError) -> str:
        if error.errno == errno.EADDRINUSE:
            return (
                f"{self.port_setting}: port {self.port} of {self.host} is in use by another program; "
                "allowed is a free port"
            )
        if error.errno in (errno.EACCES, errno.EPERM):
            return f"{self.port_setting}: this user may not use port {self.port}; allowed is 1024 and up"
        return f"{self.host_setting}: {self.host!r} is no address of this machine ({plain_error(error)})"


def monitoring_address(settings: MonitoringSettings) -> ListenAddress:
    """Where a component tells how it is; a port must be set."""
    assert settings.metrics_port is not None
    host, port = settings.metrics_host, settings.metrics_port
    return ListenAddress(host, port, "TODO_METRICS_HOST", "TODO_METRICS_PORT")
