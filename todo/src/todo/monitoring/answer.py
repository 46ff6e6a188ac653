"""One answer to a monitoring request."""

from __future__ import annotations

from dataclasses import dataclass

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What is sent, by whichever server."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    #: Seconds after which it is worth asking again.
    retry_after: int | None = None
    #: The methods that are taken, where this one is not.
    allow: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Those that say something of this answer, without its length."""
        headers = {"content-type": self.content_type}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        if self.allow is not None:
            headers["allow"] = self.allow
        return headers


ALIVE = Answer(b'{"status":"ok"}')
