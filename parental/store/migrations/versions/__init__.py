"""One file a revision, from r0045_baseline on: numbered without a gap, each on the one before; never changed."""
