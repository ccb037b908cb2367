"""Roots and proofs of parts of the tree, from leaves or roots that are read as they are needed.

Invariants: memory is a proof's, no matter what the tree has.   Cost: of leaves, every one is read once, about 3 µs
each.
Source: RFC 9162 §2.1.1 (root), §2.1.3.1 (inclusion), §2.1.4 (consistency).
"""

from collections.abc import Callable, Iterable, Sequence

from mgmt.ledger.verifier import Frontier, node_hash

Leaves = Callable[[int, int], Iterable[bytes]]  # (first, until) → the leaves of first ≤ number < until
Root = Callable[[int, int], bytes]  # (first, until) → the root of a tree of these leaves: root_of() of leaves


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


def inclusion_proof(root: Root, number: int, size: int) -> list[bytes]:
    """The path from leaf `number` to the root of the first `size` leaves, from below."""
    path, first, until = [], 0, size
    while until - first > 1:
        middle = first + largest_power_below(until - first)
        if number < middle:
            path.append(root(middle, until))
            until = middle
        else:
            path.append(root(first, middle))
            first = middle
    return path[::-1]


def consistency_proof(root: Root, earlier: int, size: int) -> list[bytes]:
    """What shows that the tree of `size` leaves begins with that of `earlier` (1 ≤ earlier ≤ size) leaves."""
    path, first, until, is_whole = [], 0, size, True
    while earlier != until:
        middle = first + largest_power_below(until - first)
        if earlier <= middle:
            path.append(root(middle, until))
            until = middle
        else:
            path.append(root(first, middle))
            first, is_whole = middle, False
    if not is_whole:
        path.append(root(first, until))
    return path[::-1]


def is_consistent(earlier: int, size: int, roots: tuple[bytes, bytes], path: Sequence[bytes]) -> bool:
    """Whether the tree of `size` leaves begins with that of `earlier` (1 ≤ earlier ≤ size).   roots  of both

    Source: RFC 9162 §2.1.4.2"""
    if earlier == size:
        return not path and roots[0] == roots[1]
    hashes = [roots[0], *path] if earlier.bit_count() == 1 else list(path)
    at, last = earlier - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    if not hashes:
        return False
    first = second = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(other, first), node_hash(other, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, other)
        at, last = at >> 1, last >> 1
    return last == 0 and (first, second) == roots


def largest_power_below(size: int) -> int:
    """The largest power of two that is smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1
