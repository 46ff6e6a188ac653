"""`todo scale`: changes how many of each handler a running `todo up` runs."""
