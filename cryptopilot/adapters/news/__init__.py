"""Where headlines come from outside."""
