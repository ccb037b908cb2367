"""What a search has found: a program, and why it was served."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Find(NamedTuple):
    """One find, of TCP or QUIC.   cause: why it is, or was, served"""

    name: str
    program: Any
    cause: str


class OpenFind(NamedTuple):
    """One find that is still served.

    modes      S symmetric, A asymmetric routing; o open, c closed
    is_alike   whether a program needs what this one needs: the search does not report it again"""

    name: str
    program: Any
    modes: str
    cause: str
    is_alike: Callable[[Any], bool]
