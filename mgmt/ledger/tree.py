"""Roots and proofs of parts of the tree, from leaves that are read as they are needed.

Invariants: memory is a proof's, whatever the tree has.   Cost: every leaf is read once, about 3 µs each.
Source: RFC 9162 §2.1.1 (root), §2.1.3.1 (inclusion), §2.1.4.1 (consistency).
"""

from collections.abc import Callable, Iterable

from mgmt.ledger.verifier import Frontier

Leaves = Callable[[int, int], Iterable[bytes]]  # (first, until) → the leaves of first ≤ number < until


def frontier_of(leaves: Leaves, size: int) -> Frontier:
    """The right edge of the tree of the first `size` leaves."""
    frontier = Frontier()
    for leaf in leaves(0, size):
        frontier.add(leaf)
    return frontier


def root_of(leaves: Leaves, first: int, until: int) -> bytes:
    """The root of a tree of first ≤ number < until."""
    frontier = Frontier()
    for leaf in leaves(first, until):
        frontier.add(leaf)
    return frontier.root()


def inclusion_proof(leaves: Leaves, number: int, size: int) -> list[bytes]:
    """The path from leaf `number` to the root of the first `size` leaves, from below."""
    path, first, until = [], 0, size
    while until - first > 1:
        middle = first + _largest_power_below(until - first)
        if number < middle:
            path.append(root_of(leaves, middle, until))
            until = middle
        else:
            path.append(root_of(leaves, first, middle))
            first = middle
    return path[::-1]


def consistency_proof(leaves: Leaves, earlier: int, size: int) -> list[bytes]:
    """What shows that the tree of `size` leaves begins with that of `earlier` (1 ≤ earlier ≤ size) leaves."""
    path, first, until, is_whole = [], 0, size, True
    while earlier != until:
        middle = first + _largest_power_below(until - first)
        if earlier <= middle:
            path.append(root_of(leaves, middle, until))
            until = middle
        else:
            path.append(root_of(leaves, first, middle))
            first, is_whole = middle, False
    if not is_whole:
        path.append(root_of(leaves, first, until))
    return path[::-1]


def _largest_power_below(size: int) -> int:
    """The largest power of two that is smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1
