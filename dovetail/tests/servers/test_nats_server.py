import asyncio
from collections.abc import Awaitable, Callable

import httpx
import nats
import pytest
from nats.js.api import StreamConfig

from dovetail.testing.servers import NatsServer, ServerFailed

MakeNats = Callable[..., Awaitable[NatsServer]]


async def publish_one(server: NatsServer) -> None:
    client = await nats.connect(server.url)
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name="kept", subjects=["kept.>"]))
    await stream.publish("kept.one", b"1")
    await client.close()


async def count_kept(server: NatsServer) -> int:
    client = await nats.connect(server.url)
    info = await client.jetstream().stream_info("kept")
    await client.close()
    return info.state.messages


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_store_and_port_outlive_the_process(new_nats_server: MakeNats, how: str) -> None:
    server = await new_nats_server()
    url = server.url
    await publish_one(server)
    await getattr(server, how)()
    assert not server.running
    await server.start()
    assert server.url == url
    assert await count_kept(server) == 1


async def test_monitor_answers(nats_server: NatsServer) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{nats_server.monitor_url}/varz")
    assert answer.json()["server_name"] == nats_server.name


async def test_password_is_demanded_and_in_the_address(new_nats_server: MakeNats) -> None:
    server = await new_nats_server(config="authorization { user: u, password: p }", login="u:p")
    await (await nats.connect(server.url)).close()

    reader, writer = await asyncio.open_connection(server.host, server.port)
    await reader.readline()  # its greeting
    writer.write(b"CONNECT {}\r\nPING\r\n")
    assert b"Authorization Violation" in await reader.readline()
    writer.close()


async def test_wrong_configuration_says_why(new_nats_server: MakeNats) -> None:
    with pytest.raises(ServerFailed, match=r"server\.conf:7"):
        await new_nats_server(config="max_payload: many")


async def test_paused_server_answers_again_when_resumed(new_nats_server: MakeNats) -> None:
    server = await new_nats_server()
    server.pause()
    assert not await server._is_ready()
    server.resume()
    assert await server._is_ready()
