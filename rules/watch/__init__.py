"""Watched names: names that a list or an order blocks only after a person has looked."""
