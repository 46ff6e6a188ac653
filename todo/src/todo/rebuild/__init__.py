"""`todo rebuild`: makes the database anew from the events in the queue."""
