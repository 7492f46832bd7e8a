"""Strategies that come with the house, and what makes one, whoever wrote it, ready to be asked by live and research."""
