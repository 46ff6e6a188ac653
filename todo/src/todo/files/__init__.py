"""Lists as files: exports, and what can be imported."""
