"""Settings, wiring and the service: who meets whom."""
