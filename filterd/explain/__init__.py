"""Offline answers: what would happen to a name, and why; bulk input, captures."""
