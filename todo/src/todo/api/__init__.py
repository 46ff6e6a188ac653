"""The REST component."""
