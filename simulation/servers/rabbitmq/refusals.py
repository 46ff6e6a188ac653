"""What a server says when it does not do what was asked: AMQP's reply codes, in RabbitMQ's words."""

from __future__ import annotations

_NAMES = {
    320: "CONNECTION_FORCED",
    403: "ACCESS_REFUSED",
    404: "NOT_FOUND",
    405: "RESOURCE_LOCKED",
    406: "PRECONDITION_FAILED",
    501: "FRAME_ERROR",
    503: "COMMAND_INVALID",
    504: "CHANNEL_ERROR",
    505: "UNEXPECTED_FRAME",
    530: "NOT_ALLOWED",
    540: "NOT_IMPLEMENTED",
}
#: These end the connection, all others the channel.
_ENDS_CONNECTION = (320, 501, 503, 504, 505, 530, 540)


class Refused(Exception):
    """Ends the channel, or the connection."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{_NAMES[code]} - {text}")
        self.code = code

    @property
    def ends_connection(self) -> bool:
        """Whether the channel alone is not enough."""
        return self.code in _ENDS_CONNECTION


def not_simulated(what: str) -> Refused:
    """For what the transport does not do."""
    return Refused(540, f"not simulated: {what}")


def missing(kind: str, name: str) -> Refused:
    """There is no such queue, or exchange."""
    return Refused(404, f"no {kind} '{name}' in vhost '/'")


def away(name: str) -> Refused:
    """There is such a queue, and it cannot be reached just now."""
    return Refused(
        404,
        f"home node 'rabbit@localhost' of durable queue '{name}' in vhost '/' is down or inaccessible",
    )


def locked(name: str) -> Refused:
    """Another connection has this queue for itself."""
    return Refused(
        405,
        f"cannot obtain exclusive access to locked queue '{name}' in vhost '/'. It could be originally "
        "declared on another connection or the exclusive property value does not match that of the "
        "original declaration.",
    )


def precondition(text: str) -> Refused:
    """Any other reason why a channel cannot have its way."""
    return Refused(406, text)
