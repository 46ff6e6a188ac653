"""Who may come in: a password for everyone who uses the page and the API."""
