"""Open pages and a real queue that goes away: what was missed meanwhile is a reset."""

from __future__ import annotations

from dovetail import connect, new_id
from dovetail.testing.servers import NatsServer, Proxy
from todo.events import ItemRemoved
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app

from .support import EventStream, items, publish


async def test_after_the_queue_was_away_pages_read_the_list_again_and_go_on(
    store: Store, settings: Settings
) -> None:
    (item, added) = items("milk", "bread")
    await store.add([item])
    async with NatsServer() as server, connect(server.url, timeout=2.0) as queue:
        app = create_app(queue, store, settings)
        async with EventStream(app) as stream:
            await stream.until("reset")
            epoch = stream.place.partition("-")[0]

            await server.kill()
            await stream.until("status", queue="unreachable", database="ok")
            # Nobody is told of this removal, and nobody will be.
            await store.apply([ItemRemoved(id=item.id, change=new_id())])
            await server.start()

            await stream.until("reset")
            assert stream.place.partition("-")[0] != epoch
            await stream.until("status", queue="ok")
            await publish(queue, added)
            await stream.item(added.id, state="accepted")
        await app.state.closed()


async def test_a_connection_that_is_back_at_once_is_a_reset_too(
    nats_server: NatsServer, store: Store, settings: Settings
) -> None:
    """Nobody sees that it was lost: what was published in that moment is missed all the same."""
    async with Proxy(nats_server) as proxy, connect(proxy.url) as queue:
        app = create_app(queue, store, settings)
        async with EventStream(app) as stream:
            await stream.until("reset")
            for _ in range(3):
                epoch = stream.place.partition("-")[0]
                proxy.cut()
                await stream.until("reset")
                assert stream.place.partition("-")[0] != epoch
        await app.state.closed()
