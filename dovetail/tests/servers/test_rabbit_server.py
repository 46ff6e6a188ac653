import gc
import socket

import pytest

from dovetail.testing.servers import RabbitServer, ServerFailed


async def test_nothing_stays_of_one_that_did_not_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        server = RabbitServer(port=other.getsockname()[1])
        with pytest.raises(ServerFailed, match="eaddrinuse"):
            await server.__aenter__()
    assert not server.folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.mapper.port))
    del server
    gc.collect()  # a process that was not waited for would warn
