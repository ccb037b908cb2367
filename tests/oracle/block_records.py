"""A second verifier of exported block records, written from RFC 9162, RFC 8785 and C2SP alone.

It reads everything into memory, builds every tree by the recursive definition, and writes every line again from what it
has parsed.
"""

import hashlib

from oracle.ledger import Wrong, canonical, complete_subtrees, merkle_tree_hash, opened, strict, unhex


def check(octets: bytes) -> int:
    """How many records a bundle holds.   Raises Wrong, with the number of a batch."""
    *lines, rest = octets.split(b"\n")
    if rest or not lines:
        raise Wrong(None, "ends inside of a line")
    head = strict(lines[0], None)
    if set(head) != {"bundle", "first", "frontier", "keys", "until"} or head["bundle"] != "filterd-blocks/1":
        raise Wrong(None, "head")
    known = complete_subtrees(head["first"], head["frontier"])
    leaves, waiting, n = [b""] * head["first"], lines[1:-1], 0
    while waiting:
        number = len(leaves)
        said = strict(waiting.pop(0), number)
        batch = said.get("batch")
        if not isinstance(batch, dict) or set(batch) != {"batch", "day", "number", "records", "root"}:
            raise Wrong(number, "is no batch")
        if batch["number"] != number:
            raise Wrong(number, "is another batch")
        if "salt" in said:
            n_records, salt = batch["records"], unhex(said["salt"], 16, number)
            records = [canonical(strict(line, number)) for line in waiting[:n_records]]
            del waiting[:n_records]
            small = [hashlib.sha256(b"\x00" + salt + record).digest() for record in records]
            if len(small) != n_records or merkle_tree_hash(small, 0, len(small), {}).hex() != batch["root"]:
                raise Wrong(number, "its records are other ones")
            n += len(small)
        leaves.append(hashlib.sha256(b"\x00" + canonical(batch)).digest())
    size, root = opened(strict(lines[-1], None), head["keys"])
    if size != len(leaves) or size != head["until"] or merkle_tree_hash(leaves, 0, size, known) != root:
        raise Wrong(None, "not what was signed")
    return n
