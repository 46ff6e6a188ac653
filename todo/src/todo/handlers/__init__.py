"""The message handlers: one group in each module, made by a function from what it needs."""
