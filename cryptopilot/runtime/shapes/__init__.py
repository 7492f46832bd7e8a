"""The published shapes of answers: what doors translate into JSON, and into the OpenAPI document."""
