"""Our wire clients against the libraries that do the same: speed, processor time, import, memory."""
