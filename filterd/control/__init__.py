"""The control role: publication, lists, locks, explain, and its clients."""
