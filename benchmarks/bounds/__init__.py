"""Two bounds: memory while a publisher outruns its consumers, and speed beside 100,000 delayed retries."""
