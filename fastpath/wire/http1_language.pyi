def preferred(head: bytes, codes: tuple[str, ...]) -> str:
    """The code that a request prefers by its Accept-Language; the first one where it wants none of them.

    head: a request head, or its beginning; codes: two letters each.   Raises ValueError for other codes, or none."""
