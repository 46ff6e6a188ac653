"""How `todo scale` reaches a running `todo up`: a Unix socket, one JSON object in a line each way."""
