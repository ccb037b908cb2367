"""Counts of blocks for public bodies: counted, protected, signed, and shown."""
