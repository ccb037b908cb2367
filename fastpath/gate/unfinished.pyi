def octets_needed(n_flows: int) -> int:
    """The size of the memory for a gate of `n_flows` flows."""
