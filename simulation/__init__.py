"""Simulated histories of the library: time, network and failures come from a seed."""
