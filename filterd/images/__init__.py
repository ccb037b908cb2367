"""Images of this box: the lists that they are made of, compile, live deltas, store, attribution, and what they say."""
