"""How people write when something is due, in every language that the pages have."""
