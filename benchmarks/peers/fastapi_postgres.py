"""`POST /todo` as most would write it: FastAPI, SQLAlchemy, and a row committed before the answer.

Asynchronous all the way, on asyncpg; SQLAlchemy Core, so that no session or identity map is paid for;
a pool of 20 connections, opened once; the statement is compiled once and prepared by asyncpg.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from sqlalchemy import Column, DateTime, MetaData, String, Table, Uuid
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.peers.fastapi_todo import Todo

metadata = MetaData()
todos = Table(
    "todos",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("item", String(256), nullable=False),
    Column("date_added", DateTime(timezone=True), nullable=False),
)
insert = todos.insert()


def create_app() -> FastAPI:
    """The application; its database is named by BENCH_SERVER_URL."""
    url = os.environ["BENCH_SERVER_URL"].replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(url, pool_size=20, max_overflow=0)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/todo")
    async def add(todo: Todo) -> JSONResponse:
        row = {"id": uuid.uuid4(), "item": todo.item, "date_added": datetime.now(UTC)}
        async with engine.begin() as connection:
            await connection.execute(insert, row)
        return JSONResponse({"id": str(row["id"])}, status_code=202)

    return app
