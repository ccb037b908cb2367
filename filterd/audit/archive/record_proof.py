"""One block record with its proof, as an auditor takes it away; needs `filterd[audit]`.

    record ─→ path in its batch ─→ leaf of the batch ─→ path in the tree ─→ signed checkpoint

The format is described where it is read: mgmt.ledger.block_verifier.
Invariants: a record that is not what was signed is refused.   Cost: some pages of a file, 256 hashes, one path
"""

from contextlib import closing
from pathlib import Path

from filterd.audit.archive.batch_tree import SPAN, leaves_of, path_in, root_of, spans_of
from filterd.audit.archive.block_bundle import Records, altered, batch_line, line_of
from filterd.audit.archive.block_tree import BlockTree, Leaf
from mgmt.ledger.block_verifier import HASH_OCTETS, PROOF
from mgmt.ledger.bundle import NoCheckpoint
from mgmt.ledger.tree import inclusion_proof


def proof_of(folder: Path, tree: BlockTree, number: int, index: int) -> bytes:
    """One record with both its proofs.   number  of the leaf;   index  of the record in it

    Raises NoCheckpoint, LookupError, OSError, sqlite3.Error, ValueError"""
    leaf = next(tree.leaves(number, number + 1), None)
    if leaf is None or leaf.salt is None or not 0 <= index < leaf.n:
        raise LookupError(
            f"batch {number}, record {index}: does not exist; it was destroyed, or never was; name another one"
        )
    signed = tree.checkpoint_from(number + 1)
    if signed is None:
        raise NoCheckpoint(f"batch {number} is not signed yet; nothing exported; try again in a minute")
    record, in_batch = _in_batch(folder, tree, leaf, leaf.salt, index)
    in_tree = inclusion_proof(tree.root, number, signed.size)
    head = {"bundle": PROOF, "index": index, "keys": [signed.vkey]}
    paths = {name: [each.hex() for each in path] for name, path in (("in_batch", in_batch), ("in_tree", in_tree))}
    return line_of(head | paths) + batch_line(leaf, True) + record + line_of({"checkpoint": signed.note})


def _in_batch(folder: Path, tree: BlockTree, leaf: Leaf, salt: bytes, index: int) -> tuple[bytes, list[bytes]]:
    """The line of a record, and its path in its batch.   Raises ValueError: it is not what was signed"""
    span, within = divmod(index, SPAN)
    with closing(Records(folder, tree)) as records:
        spans = _spans(records, tree, leaf, salt)
        lines = records.part(leaf, span * SPAN, min(SPAN, leaf.n - span * SPAN))
    level = leaves_of(salt, lines)
    if root_of(level) != spans[span * HASH_OCTETS :][:HASH_OCTETS] or root_of(spans) != leaf.root:
        raise altered(folder, leaf)
    return lines.split(b"\n", within + 1)[within] + b"\n", path_in(level, within) + path_in(spans, span)


def _spans(records: Records, tree: BlockTree, leaf: Leaf, salt: bytes) -> bytes:
    """The hashes over the records of a leaf; an earlier version has kept none."""
    if leaf.n <= SPAN:
        return leaf.root
    return tree.spans(leaf.number) or spans_of(leaves_of(salt, records.lines(leaf)))
