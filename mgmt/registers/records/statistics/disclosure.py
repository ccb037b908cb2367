"""Protects small counts: a cell below ten is never published, but as a part of a sum from which it cannot be had.

    cells, each once → cells of ten and more, as they are
                     → smaller ones in sums: alike in as much as is possible, over the rest of their dimensions
                     → those for which there are too few alike: together with the cell that is most like them

Invariants: every cell is in one row, so each total that can be made of rows is a sum of whole rows, and gives nothing
away that they do not; behind a sum each small cell can be anything from 0 to 9, even for one who knows which cells are
in it and which of them are small; where that cannot be had, nothing is published.  Which large cells are given up does
not depend on the counts of small ones, as a reader knows how they are chosen; whether small cells alike are a sum of
their own depends on that sum alone.  Equal cells give equal rows.
Source: complementary suppression, Willenborg and de Waal, Elements of Statistical Disclosure Control (2001), chapter 1.
Cost: n cells in d dimensions: n·d, and one sort.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

LEAST = 10  # what is below is small

Values = tuple[str, ...]


class Row(NamedTuple):
    """A cell, or a sum of cells.   values  None in a dimension: the cells of the sum differ in it, or may differ"""

    values: tuple[str | None, ...]
    total: int


class _Group(NamedTuple):
    """Cells that are published as one sum.   counts  of each"""

    cells: tuple[Values, ...]
    counts: tuple[int, ...]

    @property
    def row(self) -> Row:
        shared = (values[0] if len(set(values)) == 1 else None for values in zip(*self.cells, strict=True))
        return Row(tuple(shared), sum(self.counts))


class _GroupSum(NamedTuple):
    """A group's row, how many of its cells are not small, and how much these are together."""

    row: Row
    n_large: int
    large: int


def published(cells: Mapping[Values, int], widened: Sequence[int]) -> list[Row]:
    """The rows, sorted; none where nothing can be published.

    cells    values in each dimension → count;   widened  numbers of dimensions, the first to be given up first"""
    groups = groups_of(cells, widened)
    return sorted((group.row for group in groups), key=lambda row: ([value or "" for value in row.values], row.total))


def groups_of(cells: Mapping[Values, int], widened: Sequence[int]) -> list[_Group]:
    """Which cells each row has."""
    found = sorted((values, count) for values, count in cells.items() if count > 0)
    done = [_Group((values,), (count,)) for values, count in found if count >= LEAST]
    left = [_Group((values,), (count,)) for values, count in found if count < LEAST]
    for n_widened in range(1, len(widened) + 1):
        kept = [at for at in range(len(widened)) if at not in widened[:n_widened]]
        alike: dict[Values, list[_Group]] = {}
        for group in left:
            alike.setdefault(tuple(group.cells[0][at] for at in kept), []).append(group)
        left = []
        for groups in alike.values():
            together = _joined(groups)
            if is_safe(together.counts):
                done.append(together)
            else:
                left += groups
    return _with_complements(done, left, widened)


def is_safe(counts: Sequence[int]) -> bool:
    """Whether each small cell behind the sum of these can be anything from 0 to 9."""
    n_large, total = sum(count >= LEAST for count in counts), sum(counts)
    if n_large == len(counts):
        return True
    if n_large:
        return total >= LEAST * n_large + LEAST - 1
    return LEAST <= total <= (LEAST - 1) * (len(counts) - 1)


# ----------------------------------------------------------------------------------------------------------------------


def _joined(groups: Iterable[_Group]) -> _Group:
    cells, counts = zip(*groups, strict=True)
    return _Group(tuple(chain.from_iterable(cells)), tuple(chain.from_iterable(counts)))


def _with_complements(done: list[_Group], left: list[_Group], widened: Sequence[int]) -> list[_Group]:
    """What is left, in one sum with as many of the others as it takes; they are given up, then."""
    if not left:
        return done
    rest, others = _joined(left), {group: _summed(group) for group in sorted(done)}
    summed = _summed(rest)
    while not (_is_enough(summed.n_large, summed.large) if summed.n_large else is_safe(rest.counts)):
        if not others:
            return []
        nearest = _nearest(others, summed, widened)
        del others[nearest]
        rest = _joined([rest, nearest])
        summed = _summed(rest)
    return [*others, rest]


def _summed(group: _Group) -> _GroupSum:
    large = [count for count in group.counts if count >= LEAST]
    return _GroupSum(group.row, len(large), sum(large))


def _is_enough(n_large: int, large: int) -> bool:
    """Whether these protect small cells no matter what their counts are: which row is given up says nothing of them."""
    return n_large > 0 and large >= LEAST * n_large + LEAST - 1


def _nearest(others: Mapping[_Group, _GroupSum], rest: _GroupSum, widened: Sequence[int]) -> _Group:
    """One that is enough, if there is any; of these one with which the row gives up least; of these the smallest."""

    def rank(group: _Group) -> tuple[bool, list[bool], int]:
        row, n_large, large = others[group]
        is_enough = _is_enough(rest.n_large + n_large, rest.large + large)
        return not is_enough, _distance(row.values, rest.row.values, widened), row.total

    return min(others, key=rank)


def _distance(one: Sequence[str | None], other: Sequence[str | None], widened: Sequence[int]) -> list[bool]:
    """Which dimensions a common row would give up, the last to be given up first."""
    return [one[at] is None or one[at] != other[at] for at in reversed(widened)]
