"""The NATS server as a child process, for `embedded:` addresses.

async with EmbeddedServer("./data") as server:
    async with connect(server.url) as queue: ...
"""

from dovetail.embedded.folder import Sync
from dovetail.embedded.private import close_data_folder
from dovetail.embedded.server import EmbeddedServer, SettingNames, running

__all__ = ["EmbeddedServer", "SettingNames", "Sync", "close_data_folder", "running"]
