"""Who says how a headline sounds."""
