"""JetStream: its streams, and which of them take what is published."""

from __future__ import annotations

from dovetail.codec.subjects import overlap
from simulation.servers.nats import errors
from simulation.servers.nats.consumer import Consumer
from simulation.servers.nats.roles import Sender
from simulation.servers.nats.stream import Published, Stream
from simulation.servers.nats.stream_config import Config
from simulation.servers.nats.subjects import SubjectTree


class JetStream:
    """`name` is that of the server."""

    def __init__(self, server: Sender, name: str) -> None:
        self._server = server
        self.name = name
        self.streams: dict[str, Stream] = {}
        self._subjects: SubjectTree[Stream] = SubjectTree()

    def publish(self, message: Published) -> bool:
        """Whether a stream takes it."""
        found = self._subjects.find(message.subject)
        for stream in found:
            stream.publish(message)
        return bool(found)

    def stream(self, name: str) -> Stream:
        """Raises ApiError where there is none."""
        if (stream := self.streams.get(name)) is None:
            raise errors.stream_not_found()
        return stream

    def consumer(self, stream: str, name: str) -> Consumer | None:
        """None where there is none."""
        found = self.streams.get(stream)
        return found.consumers.get(name) if found else None

    def create(self, config: Config) -> Stream:
        """Make a stream."""
        self._check_free(config)
        stream = self.streams[config["name"]] = Stream(self._server, config)
        self._listen(stream)
        return stream

    def update(self, stream: Stream, config: Config) -> None:
        """Change its settings."""
        self._check_free(config)
        self._ignore(stream)
        stream.config = config
        self._listen(stream)

    def delete(self, stream: Stream) -> None:
        """End a stream, with all that it has."""
        self._ignore(stream)
        stream.close()
        del self.streams[stream.name]

    def crash(self) -> None:
        """As FakeServer.crash."""
        for stream in self.streams.values():
            stream.crash()

    def close(self) -> None:
        """As FakeServer.close."""
        for stream in [*self.streams.values()]:
            self.delete(stream)

    def _check_free(self, config: Config) -> None:
        for other in self.streams.values():
            if other.name != config["name"] and any(
                overlap(one, another)
                for one in config["subjects"]
                for another in other.config["subjects"]
            ):
                raise errors.subjects_overlap()

    def _listen(self, stream: Stream) -> None:
        for subject in stream.config["subjects"]:
            self._subjects.add(subject, stream)

    def _ignore(self, stream: Stream) -> None:
        for subject in stream.config["subjects"]:
            self._subjects.remove(subject, stream)
