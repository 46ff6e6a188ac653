"""What both HTTP components, web and api, have in common."""
