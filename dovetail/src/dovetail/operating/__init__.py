"""What an operator does with groups."""
