"""Offline answers: what images say of a name, and why; one by one, or a million at a time."""
