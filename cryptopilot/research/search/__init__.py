"""Looking for the parameters that would have done best, and finding out what that was worth."""
