"""A fake NATS server with JetStream, alone and without TLS, users and permissions."""

from simulation.servers.nats.server import FakeNats

__all__ = ["FakeNats"]
