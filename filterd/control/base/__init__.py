"""What all of control stands on: its context, clock and midnight, and the faults of its start."""
