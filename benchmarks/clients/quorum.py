"""The quorum queue that RabbitMQ's clients are measured on."""

from typing import Any

QUEUE = "bench"
ARGUMENTS: dict[str, Any] = {"x-queue-type": "quorum"}
