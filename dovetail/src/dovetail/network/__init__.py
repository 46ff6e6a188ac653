"""Connections: addresses, TLS, and the way back after a loss."""
