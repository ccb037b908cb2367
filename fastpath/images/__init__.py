"""Images: layout, builders, lookups, and the decision."""
