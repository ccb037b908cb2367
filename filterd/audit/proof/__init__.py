"""What proves block records: the tree of batches, bundles of days, and one record alone."""
