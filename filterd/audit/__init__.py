"""From the spool and the counters to the ledger."""
