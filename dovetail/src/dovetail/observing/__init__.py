"""What observers and tracers of a worker are told, and the loops that tell them."""
