"""The command line: translates the question, translates the answer."""
