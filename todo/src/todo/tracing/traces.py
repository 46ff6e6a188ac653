"""Collects the spans of one process, and sends them to a collector in the background."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from dovetail.tracing import Tracing
from todo.addresses import without_secrets
from todo.log_backoff import LogBackoff

log = logging.getLogger("todo.tracing")

#: Seconds that the collector has to take a batch.
EXPORT_SECONDS = 2
#: Seconds that there are for the last spans, when everything else has ended.
FLUSH_SECONDS = 1.0

#: What the conventions call a queue, by the beginning of its address.
_SYSTEMS = {"redis": "redis", "rediss": "redis", "amqp": "rabbitmq", "amqps": "rabbitmq"}


class Traces:
    """The spans of one component. Whoever opened it closes it, last of all."""

    def __init__(self, endpoint: str, component: str) -> None:
        _say_seldom(endpoint)
        resource = Resource.create(
            {
                "service.namespace": "todo",
                "service.name": component,
                "service.version": version("dovetail-todo"),
                "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            }
        )
        # It is shut down by `close`, which bounds the time.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))

    @property
    def tracer(self) -> Tracer:
        """For spans of this program."""
        return self._provider.get_tracer("todo")

    def of_queue(self, url: str) -> Tracing:
        """For spans of messages on the queue at this address."""
        system = _SYSTEMS.get(url.partition(":")[0].lower(), "nats")
        return Tracing(system=system, tracer_provider=self._provider)

    async def close(self) -> None:
        """Send what is left, for FLUSH_SECONDS at most: a collector that is away keeps nobody waiting."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop did not wait
                loop.call_soon_threadsafe(done.set)

        # No thread of a pool: the end of the process would wait for it.
        threading.Thread(target=shut_down, daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await done.wait()


class _Seldom(logging.Handler):
    """Logs the exporter's errors seldom, and without tracebacks: it has one for each batch."""

    def __init__(self, shown: str) -> None:
        super().__init__(logging.WARNING)
        self._shown = shown
        self._log_backoff = LogBackoff()

    def emit(self, record: logging.LogRecord) -> None:
        if self._log_backoff.due():
            reason = record.getMessage().splitlines()[0]
            log.warning(
                "spans are lost: the collector at %s (TODO_TRACES_ENDPOINT): %s",
                self._shown,
                reason,
            )


def _say_seldom(endpoint: str) -> None:
    logger = logging.getLogger("opentelemetry")
    logger.handlers[:] = [_Seldom(without_secrets(endpoint))]
    logger.propagate = False
