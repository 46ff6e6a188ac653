"""Events as CloudEvents over HTTP, to addresses of other systems."""
