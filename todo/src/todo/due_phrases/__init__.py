"""Phrases that say when something is due, in every language of the pages."""
