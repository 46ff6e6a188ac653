"""A collector of spans, as far as tests need one: OTLP over HTTP."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .commands import PATIENCE_SECONDS


@dataclass(frozen=True)
class Span:
    """One that arrived."""

    component: str
    name: str
    trace: str
    id: str
    parent: str
    links: tuple[tuple[str, str], ...]
    attributes: dict[str, str | int]


class Collector:
    """What arrived, and waiting for it."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._more = asyncio.Condition()

    async def take(self, request: Request) -> Response:
        """POST /v1/traces."""
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            component = str(_values(resource.resource.attributes)["service.name"])
            for scope in resource.scope_spans:
                self.spans.extend(_span(component, one) for one in scope.spans)
        async with self._more:
            self._more.notify_all()
        return Response(
            ExportTraceServiceResponse().SerializeToString(),
            media_type="application/x-protobuf",
        )

    async def until(self, found: Callable[[list[Span]], bool]) -> None:
        """Wait until what arrived is enough."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._more:
                await self._more.wait_for(lambda: found(self.spans))
        except TimeoutError:
            lines = "\n".join(f"{one.component}: {one.name}" for one in self.spans)
            raise AssertionError(f"these arrived:\n{lines}") from None


@asynccontextmanager
async def collecting(port: int) -> AsyncIterator[Collector]:
    """A collector on this port."""
    collector = Collector()
    app = Starlette(routes=[Route("/v1/traces", collector.take, methods=["POST"])])
    config = uvicorn.Config(app, port=port, log_config=None, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        yield collector
    finally:
        server.should_exit = True
        await task


def _span(component: str, span: WireSpan) -> Span:
    links = tuple((one.trace_id.hex(), one.span_id.hex()) for one in span.links)
    return Span(
        component,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        links,
        _values(span.attributes),
    )


def _values(attributes: object) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for one in attributes:  # type: ignore[attr-defined]
        assert isinstance(one, KeyValue)
        value = one.value
        found[one.key] = value.string_value or value.int_value
    return found
