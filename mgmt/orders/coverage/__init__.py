"""What the entries of an order close, by what they say alone."""
