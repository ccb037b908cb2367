"""The database of the product: engines, transactions, faults, revisions, the reserve on its disk."""
