"""What was directed, and what became of it, quarter by quarter: counts for the public."""
