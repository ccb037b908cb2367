"""Small counts in statistics: attacked with what is published, and with more than that."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgmt.registers.records.statistics.disclosure import LEAST, Row, groups_of, is_safe, published

ORDER = (2, 1, 0)
PRIME = (1 << 61) - 1  # a field in which no sum here is 0 by chance
VALUES = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("123"))
CELLS = st.dictionaries(VALUES, st.one_of(st.integers(1, 12), st.integers(1, 200)), min_size=1, max_size=14)

Table = dict[tuple[str, ...], int]
Margin = dict[tuple[str | None, ...], int]


def margins(rows: list[Row]) -> list[Margin]:
    """Every total that a reader can make: of each choice of dimensions, and of everything."""
    found = []
    for n in range(4):
        for dims in combinations(range(3), n):
            sums: Margin = {}
            for row in rows:
                key = tuple(row.values[at] for at in dims)
                sums[key] = sums.get(key, 0) + row.total
            found.append(sums)
    return found


def other_world(cells: Table, small: tuple[str, ...], wanted: int) -> Table | None:
    """The same cells, the small ones still small and the others still not, where `small` has another count."""
    (group,) = (each for each in groups_of(cells, ORDER) if small in each.cells)
    world = {**cells, small: wanted}
    owed = cells[small] - wanted
    for cell in group.cells:
        if cell == small:
            continue
        is_large = cells[cell] >= LEAST
        least, most = (LEAST, 10**9) if is_large else (0, LEAST - 1)
        given = max(least - world[cell], min(most - world[cell], owed))
        world[cell] += given
        owed -= given
    return world if owed == 0 else None


def rows_of(world: Table, cells: Table) -> list[Row]:
    """What is published of `cells`, with the counts of another world."""
    rows = [Row(group.row.values, sum(world[cell] for cell in group.cells)) for group in groups_of(cells, ORDER)]
    return sorted(rows, key=lambda row: ([value or "" for value in row.values], row.total))


def solved(equations: list[list[int]]) -> set[int]:
    """The unknowns that linear equations fix: in their reduced form such a one has an equation of its own."""
    rows = [[each % PRIME for each in equation] for equation in equations]
    done: list[list[int]] = []
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((row for row in rows if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        inverse = pow(pivot[column], -1, PRIME)
        pivot = [each * inverse % PRIME for each in pivot]
        rows, done = (
            [
                [(a - b * row[column]) % PRIME for a, b in zip(row, pivot, strict=True)] if row[column] else row
                for row in of
            ]
            for of in (rows, done)
        )
        done.append(pivot)
    return {row.index(1) for row in done if sum(map(bool, row)) == 1}


@given(CELLS)
def test_no_number_below_ten_is_published_and_none_is_a_total(cells: Table) -> None:
    rows = published(cells, ORDER)

    assert all(row.total >= LEAST for row in rows)
    assert all(total >= LEAST for sums in margins(rows) for total in sums.values())
    assert sum(row.total for row in rows) in (0, sum(cells.values()))


@given(CELLS)
def test_each_small_cell_can_be_anything_from_0_to_9_behind_the_same_rows_and_totals(cells: Table) -> None:
    rows = published(cells, ORDER)
    for small in [cell for cell, count in cells.items() if count < LEAST] if rows else []:
        for wanted in (0, LEAST - 1):
            world = other_world(cells, small, wanted)
            assert world is not None, (small, wanted)
            same = rows_of(world, cells)
            assert same == rows and margins(same) == margins(rows)


@settings(max_examples=40)
@given(CELLS, CELLS)
def test_equations_of_all_rows_and_totals_of_two_quarters_solve_no_small_cell(first: Table, second: Table) -> None:
    names = [(quarter, cell) for quarter, cells in enumerate((first, second)) for cell in cells]
    equations: list[list[int]] = []
    hidden = set[int]()
    for quarter, cells in enumerate((first, second)):
        groups = groups_of(cells, ORDER)
        for n in range(4):
            for dims in combinations(range(3), n):
                sums: dict[tuple[str | None, ...], set[object]] = {}
                for group in groups:
                    key = tuple(group.row.values[at] for at in dims)
                    sums.setdefault(key, set()).update((quarter, cell) for cell in group.cells)
                equations += [[int(name in among) for name in names] for among in sums.values()]
        hidden |= {names.index((quarter, cell)) for cell, count in cells.items() if count < LEAST}
    if published(first, ORDER) and published(second, ORDER):
        equations.append([1] * len(names))  # and the total of both quarters, from elsewhere
    assert not solved(equations) & hidden


@given(CELLS)
def test_equal_cells_give_equal_rows_in_any_order(cells: Table) -> None:
    assert published(dict(reversed(cells.items())), ORDER) == published(cells, ORDER)


def test_small_cells_are_summed_over_the_dimension_that_is_given_up_first() -> None:
    cells: Table = {("a", "x", "1"): 50, ("a", "y", "1"): 6, ("a", "y", "2"): 5, ("a", "y", "3"): 4}

    assert published(cells, ORDER) == [Row(("a", "x", "1"), 50), Row(("a", "y", None), 15)]


def test_one_small_cell_takes_the_cell_with_it_that_is_most_like_it() -> None:
    cells: Table = {("a", "x", "1"): 500, ("a", "y", "1"): 40, ("a", "y", "2"): 3, ("b", "y", "2"): 30}

    assert published(cells, ORDER) == [
        Row(("a", "x", "1"), 500),
        Row(("a", "y", None), 43),
        Row(("b", "y", "2"), 30),
    ]


def test_a_cell_that_is_enough_is_taken_before_many_that_are_not() -> None:
    cells: Table = {("b", "x", "1"): 300, ("c", "y", "1"): 1}
    cells.update({("a", "x", str(n)): 10 for n in range(9)})

    rows = published(cells, ORDER)

    assert sum(row.total for row in rows) == 391 and Row((None, None, "1"), 301) in rows


@pytest.mark.parametrize("cells", [{}, {("a", "x", "1"): 9}, {("a", "x", "1"): 10, ("a", "x", "2"): 1}])
def test_where_nothing_can_be_protected_nothing_is_published(cells: Table) -> None:
    assert published(cells, ORDER) == []


@pytest.mark.parametrize(
    ("counts", "safe"),
    [
        ([10], True),
        ([9, 9], False),  # a sum of 18 gives both away
        ([5, 5], False),  # of two cells with 10 none is 0
        ([4, 4, 4], True),
        ([9, 9, 9], False),
        ([1] * 9, False),
        ([10, 1], False),  # who knows that one is large knows that the other is at most 1
        ([18, 1], True),
        ([10, 10, 1], False),
    ],
)
def test_a_sum_hides_its_cells_or_is_none(counts: list[int], safe: bool) -> None:
    assert is_safe(counts) is safe


@given(CELLS.filter(lambda cells: any(count < LEAST for count in cells.values())))
def test_which_cells_are_given_up_for_a_small_one_says_nothing_of_its_count(cells: Table) -> None:
    small, *others = (cell for cell, count in cells.items() if count < LEAST)
    alone = {cell: count for cell, count in cells.items() if cell not in others}

    assert len({tuple(group.cells for group in groups_of({**alone, small: n}, ORDER)) for n in range(1, LEAST)}) == 1
