"""The NATS server as a child process, for `embedded:` addresses."""
