"""Lists as files: what is exported, and what can be imported."""
