"""Orders on one gateway first: for how long, what ends that, and how it went."""
