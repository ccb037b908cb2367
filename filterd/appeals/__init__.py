"""Appeals on their way: mailed by control as they were sealed, opened elsewhere by who holds the private key."""
