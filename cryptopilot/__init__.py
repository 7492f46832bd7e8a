"""CryptoPilot: a self-hosted autopilot for crypto portfolios."""

__version__ = "0.1.0"
