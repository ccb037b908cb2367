"""The ledger of orders, people, staff, settings and pulls: append-only, in one signed tree."""
