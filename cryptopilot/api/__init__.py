"""The REST door: translates the question, translates the answer."""
