"""Clusters whose network is split again and again under load, and the count of what came of it."""
