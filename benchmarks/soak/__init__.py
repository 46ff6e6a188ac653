"""Minutes of load on one queue, with a fault every few seconds, and the count of what came of it."""
