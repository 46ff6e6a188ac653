"""What several queue technologies share."""
