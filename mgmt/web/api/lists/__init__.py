"""The lists of this box."""
