"""The web component."""
