"""Images of this box: compile, live deltas, store, attribution."""
