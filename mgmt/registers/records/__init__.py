"""Block records: the ledger, the archive, legal holds, statistics, reports of wrong blocks."""
