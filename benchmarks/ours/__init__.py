"""Our side: public names only, and default settings."""
