"""Sweeps: every combination of a declared grid over one symbol's history, and the best of them run in full."""
