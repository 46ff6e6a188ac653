"""The NATS server as a child process, for `embedded:` addresses.

async with EmbeddedServer("./data") as server:
    async with connect(server.url) as queue: ...
"""

from dovetail.embedded.server import EmbeddedServer, SettingNames, running

__all__ = ["EmbeddedServer", "SettingNames", "running"]
