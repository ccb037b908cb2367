ALL_CATEGORIES: int
ALL_NAMES: int

def hashes_of(name: bytes, key: bytes) -> tuple[int, int]:
    """(hash of the last two labels, of the last three; 0: no more than two) of a name in wire form, as in a label.

    key   16 octets.   Raises ValueError."""
