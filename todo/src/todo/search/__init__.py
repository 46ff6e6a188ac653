"""Full-text search: words of a text, and a page of what was found."""
