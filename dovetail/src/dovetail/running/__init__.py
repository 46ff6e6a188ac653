"""What a worker does with a message, from fetching it to its ack."""
