"""Measures dovetail and the to-do application against the raw clients and their peers."""
