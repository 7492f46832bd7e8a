"""Work beside the pipeline: processes of their own that step back, are bounded, and end with the server."""
