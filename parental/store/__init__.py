"""The database of the product: its tables and migrations, engines, transactions, faults, the reserve on its disk."""
