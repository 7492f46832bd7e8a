"""Numbers on whole arrays."""
