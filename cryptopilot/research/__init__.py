"""Experiments: the rules, compiled, over history."""
