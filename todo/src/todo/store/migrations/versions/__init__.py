"""One file for each change of the schema. The newest one's number is `todo.store.schema.HEAD`."""
