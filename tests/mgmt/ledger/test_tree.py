from collections.abc import Iterable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from oracle import ledger as oracle
from oracle.ledger import merkle_tree_hash

from mgmt.ledger.tree import consistency_proof, frontier_of, inclusion_proof, is_consistent, root_of
from mgmt.ledger.verifier import Frontier, leaf_hash, root_of_path

LEAVES = [leaf_hash(bytes([number])) for number in range(70)]
SIZES = st.integers(1, len(LEAVES))


def leaves(first: int, until: int) -> Iterable[bytes]:
    return LEAVES[first:until]


@given(SIZES)
def test_the_root_is_that_of_the_recursive_definition(size: int) -> None:
    assert root_of(leaves, 0, size) == frontier_of(leaves, size).root() == merkle_tree_hash(LEAVES, 0, size, {})


@given(st.data(), SIZES)
def test_every_leaf_is_proven_by_its_path_and_no_other_leaf_is(data: st.DataObject, size: int) -> None:
    number = data.draw(st.integers(0, size - 1))

    path = inclusion_proof(partial(root_of, leaves), number, size)

    assert root_of_path(LEAVES[number], number, size, path) == root_of(leaves, 0, size)
    assert size == 1 or root_of_path(bytes(32), number, size, path) != root_of(leaves, 0, size)


@given(st.data(), SIZES)
def test_every_earlier_tree_is_proven_to_be_the_beginning(data: st.DataObject, size: int) -> None:
    earlier = data.draw(st.integers(1, size))
    roots = root_of(leaves, 0, earlier), root_of(leaves, 0, size)

    path = consistency_proof(partial(root_of, leaves), earlier, size)

    for first, is_so in ((roots[0], True), (bytes(32), False)):
        assert is_consistent(earlier, size, (first, roots[1]), path) is is_so
        assert oracle.is_consistent(earlier, size, first, roots[1], path) is is_so


@given(st.data(), SIZES)
def test_no_other_path_proves_a_beginning(data: st.DataObject, size: int) -> None:
    earlier = data.draw(st.integers(1, size))
    roots = root_of(leaves, 0, earlier), root_of(leaves, 0, size)
    path = consistency_proof(partial(root_of, leaves), earlier, size)

    for other in ([*path, bytes(32)], path[:-1], [bytes(32), *path[1:]]):
        assert other == path or not is_consistent(earlier, size, roots, other)


@given(st.data(), SIZES)
def test_a_frontier_goes_on_from_where_it_was_kept(data: st.DataObject, size: int) -> None:
    kept = frontier_of(leaves, data.draw(st.integers(0, size)))

    gone_on = Frontier(kept.size, kept.hashes)
    for leaf in LEAVES[kept.size : size]:
        gone_on.add(leaf)

    assert gone_on.root() == root_of(leaves, 0, size)
