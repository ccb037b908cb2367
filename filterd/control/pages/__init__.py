"""What pages say by agreement of two persons, and what visitors do there: tickets and requests."""
