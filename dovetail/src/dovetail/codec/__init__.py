"""Messages as bytes: the CloudEvents envelope, ids, subjects and times."""
