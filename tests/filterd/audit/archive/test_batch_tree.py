import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.ledger import merkle_tree_hash

from filterd.audit.archive import batch_tree
from filterd.audit.archive.batch_tree import SPAN, leaves_of, path_in, root_of, spans_of
from mgmt.ledger.verifier import leaf_hash, root_of_path

SALT = b"s" * 16


def lines_of(n: int) -> list[bytes]:
    return [b'{"action":%d}' % number for number in range(n)]


def level_of(n: int) -> bytes:
    return leaves_of(SALT, b"".join(line + b"\n" for line in lines_of(n)))


@given(st.integers(1, 70), st.integers(0, 4), st.data())
def test_a_record_is_proven_by_its_path_under_a_kept_hash_and_that_of_the_hash(
    n: int, levels: int, data: st.DataObject
) -> None:
    size = 1 << levels
    index = data.draw(st.integers(0, n - 1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batch_tree, "SPAN_LEVELS", levels)
        spans = spans_of(level_of(n))
    span, within = divmod(index, size)
    level = level_of(n)[span * size * 32 : (span + 1) * size * 32]

    path = path_in(level, within) + path_in(spans, span)

    root = merkle_tree_hash([leaf_hash(SALT + line) for line in lines_of(n)], 0, n, {})
    assert root_of(level) == spans[span * 32 :][:32]
    assert root_of(spans) == root_of(level_of(n)) == root
    assert root_of_path(leaf_hash(SALT + lines_of(n)[index]), index, n, path) == root


def test_a_kept_hash_is_over_so_many_records() -> None:
    level = level_of(2 * SPAN + 1)

    assert spans_of(level) == root_of(level[: SPAN * 32]) + root_of(level[SPAN * 32 : -32]) + level[-32:]


@pytest.mark.parametrize("line", [b'{"actio":1}\n', b"\n", b'{"action":1}'])
def test_what_is_no_line_of_a_record_has_no_root(line: bytes) -> None:
    with pytest.raises(ValueError, match="is not the line of a record; no root computed"):
        leaves_of(SALT, b'{"action":1}\n' + line)
