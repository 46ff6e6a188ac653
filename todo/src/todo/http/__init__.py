"""The HTTP server that web and api share."""
