"""Open pages that are told of changes: what they cost the server, and whether every one ends right."""
