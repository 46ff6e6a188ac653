"""Full-text search: what the words of a text are, and what somebody looks for."""
