"""Keeps open pages up to date: one listener on the queue for all browsers of this process."""
