"""One file a revision, r0001_…: numbered without a gap, each on the one before; written by hand, never changed."""
