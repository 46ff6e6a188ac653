"""`POST /todo` with FastAPI and FastStream: answered once JetStream has confirmed the event.

The broker lives as long as the application; logging is off, there is no middleware, and the publisher
object is made once.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from faststream.nats import JStream, NatsBroker

from benchmarks.content import STREAM, SUBJECT
from benchmarks.content_pydantic import Item, NewItem
from benchmarks.peers.fastapi_todo import Todo


def create_app() -> FastAPI:
    """The application; its queue is named by BENCH_SERVER_URL."""
    broker = NatsBroker(os.environ["BENCH_SERVER_URL"], logger=None)
    publisher = broker.publisher(SUBJECT, stream=JStream(STREAM, subjects=[SUBJECT]), timeout=5)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with broker:
            await broker.start()
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/todo")
    async def add(todo: Todo) -> JSONResponse:
        item = Item(id=str(uuid.uuid4()), item=todo.item, date_added=datetime.now(UTC))
        await publisher.publish(NewItem(item=item))
        return JSONResponse({"id": item.id}, status_code=202)

    return app
