"""Makes the database anew from the events that the queue has kept."""
