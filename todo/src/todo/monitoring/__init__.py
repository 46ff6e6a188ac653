"""Monitoring of a component: whether it is alive and ready, and its metrics."""
