"""The property of every stream reader: asked early it says what it says of the whole, or asks for more."""

from collections.abc import Callable

EVERY = 400  # octets that are tried one by one; beyond, steps keep the whole at some 400 prefixes


def assert_prefixes_agree(outcome: Callable[[bytes], object], data: bytes) -> None:
    """`outcome(prefix)` is None (more octets are needed) or equals `outcome(data)`, for the prefixes of `data`."""
    whole = outcome(data)
    for n in range(0, len(data), 1 + len(data) // EVERY):
        early = outcome(data[:n])
        assert early is None or early == whole, (n, early, whole)
