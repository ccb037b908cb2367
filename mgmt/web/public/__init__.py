"""The public page of transparency, and the lists that are published."""
