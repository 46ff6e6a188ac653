"""Authentication: one password for everyone who uses the page and the API."""
