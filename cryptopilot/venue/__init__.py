"""The fake exchange: a venue on loopback for tests. It comes with the live exchanges."""
