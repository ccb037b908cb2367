import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import block_records as oracle
from oracle.ledger import Wrong
from support.block_proof import Store, fault, verified
from support.mgmt.ledgers import split

from filterd.audit.archive.batch_tree import COMPILED, leaves_of, root_of
from filterd.audit.archive.block_tree import SignedCheckpoint
from filterd.audit.archive.record_proof import proof_of
from mgmt.ledger import block_verifier, verifier
from mgmt.ledger.block_verifier import sentence
from mgmt.ledger.checkpoint import Cosigner, Signer


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Six leaves in three batches, signed after the first and the last."""
    with Store(tmp_path_factory.mktemp("store")) as opened:
        opened.fill(1)
        opened.sign()
        opened.fill(2)
        opened.sign()
        yield opened


@pytest.fixture(scope="module")
def whole(store: Store) -> bytes:
    return store.bundle()


@pytest.fixture(scope="module")
def proof(store: Store) -> bytes:
    return proof_of(store.path, store.tree, 3, 1)


def at_batch(lines: list[bytes], number: int) -> int:
    return next(at for at, line in enumerate(lines) if b'"number":%d,' % number in line)


def without_whole(octets: bytes) -> bool:
    """Whether the second verifier, too, finds a fault."""
    try:
        oracle.check(octets)
    except Wrong:
        return True
    return False


def test_an_altered_record_names_its_batch(whole: bytes) -> None:
    assert fault(whole.replace(b"0.test", b"9.test", 1)).startswith("batch 0, of 2027-01-15: its records were altered")


def test_a_dropped_record_is_named(whole: bytes) -> None:
    lines = split(whole)
    del lines[at_batch(lines, 2) + 1]

    assert fault(b"".join(lines)) == "batch 2, record 1: left out: 1 records where 2 were signed"


def test_the_last_record_that_was_dropped_is_named(whole: bytes) -> None:
    lines = split(whole)
    del lines[-2]

    assert fault(b"".join(lines)) == "batch 5, record 1: left out: 1 records where 2 were signed"


@pytest.mark.parametrize("number", [2, 5])
def test_a_record_that_was_put_in_is_named(whole: bytes, number: int) -> None:
    lines = split(whole)
    lines.insert(at_batch(lines, number) + 1, lines[2])

    said = fault(b"".join(lines))
    assert said.startswith((f"batch {number}, of", f"batch {number}: put in"))


def test_two_records_in_another_order_are_named(whole: bytes) -> None:
    lines = split(whole)
    at = at_batch(lines, 4) + 1
    lines[at], lines[at + 1] = lines[at + 1], lines[at]

    assert fault(b"".join(lines)) == "batch 4, of 2027-01-15: its records were altered, or are in another order"


def test_a_batch_that_was_left_out_or_moved_is_named(whole: bytes) -> None:
    lines = split(whole)
    at = at_batch(lines, 2)
    left_out = lines[:at] + lines[at + 3 :]
    moved = lines[:at] + lines[at + 3 : at + 6] + lines[at : at + 3] + lines[at + 6 :]

    for octets in (left_out, moved):
        assert fault(b"".join(octets)) == "batch 2: left out: batch 3 comes instead"


def test_a_batch_without_its_records_verifies_and_is_told(whole: bytes) -> None:
    lines = split(whole)
    at = at_batch(lines, 2)
    octets = b"".join([*lines[:at], lines[at].split(b',"salt"')[0] + b"}\n", *lines[at + 3 :]])

    found = verified(octets)
    assert (found.records, found.without) == (10, {"2027-01-15": 2})
    assert "2 more of 2027-01-15 to 2027-01-15 are not in it: destroyed, or not asked for" in sentence(found)


def test_a_batch_that_was_made_again_with_other_records_is_not_what_was_signed(whole: bytes) -> None:
    lines = split(whole)
    at = at_batch(lines, 2)
    lines[at + 1] = lines[at + 1].replace(b"pta", b"ptb")
    said = verifier.canonical(lines[at], "batch", "salt")
    root = root_of(leaves_of(bytes.fromhex(said["salt"]), lines[at + 1] + lines[at + 2])).hex()
    lines[at] = lines[at].replace(said["batch"]["root"].encode(), root.encode())

    assert fault(b"".join(lines)).startswith("a batch was altered together with its root, or the head")


def test_a_tree_that_was_set_back_does_not_reach_the_checkpoint_that_is_held(store: Store, tmp_path: Path) -> None:
    newest = store.tree.last_checkpoint()
    first = store.tree.checkpoint_from(1)
    assert newest is not None and first is not None
    begin = b"".join(split(store.bundle())[:7]).replace(b'"until":6', b'"until":2')
    set_back = begin + b'{"checkpoint":%b}\n' % json.dumps(first[1], ensure_ascii=False).encode()

    assert verified(set_back, held=[first[1]]).until == 2
    assert fault(set_back, held=[newest[1]]).startswith("the bundle does not reach the checkpoint of 6 batches")
    assert verified(store.bundle(), held=[first[1], newest[1]]).until == 6


def test_a_forked_tree_is_of_another_history(store: Store, tmp_path: Path) -> None:
    shutil.copytree(store.keys, tmp_path / "keys")
    (tmp_path / "keys/blocks.checkpoint").unlink()
    kept = store.tree.checkpoint_from(1)
    assert kept is not None
    with Store(tmp_path) as fork:
        fork.fill(3)
        fork.sign()

        assert fork.seal.vkey == store.seal.vkey and verified(fork.bundle()).until == 6
        assert fault(fork.bundle(), held=[kept[1]]) == "the checkpoint of 2 batches that you hold is of another history"
        proof = proof_of(fork.path, fork.tree, 3, 1)
        newest = store.tree.last_checkpoint()
        assert newest is not None
        for held in (kept[1], newest[1]):  # of another size it says nothing of this proof, and is not passed over
            assert fault(proof, held=[held]).endswith("the checkpoint that you hold is another one")


def test_a_bundle_that_begins_after_a_held_checkpoint_says_so(store: Store, whole: bytes) -> None:
    lines, kept = split(whole), store.tree.checkpoint_from(1)
    assert kept is not None
    frontier = store.tree.frontier(4)
    head = b'{"bundle":"filterd-blocks/1","first":4,"frontier":["%b"],"keys":["%b"],"until":6}\n'
    begun = head % (frontier.hashes[0].hex().encode(), store.seal.vkey.encode())
    octets = begun + b"".join(lines[at_batch(lines, 4) :])

    assert verified(octets).records == oracle.check(octets) == 4
    assert fault(octets, held=[kept[1]]).startswith("the bundle begins after the checkpoint of 2 batches")


def test_a_key_that_signed_something_else_is_refused(whole: bytes) -> None:
    other = Signer(bytes(32), "gw.example/filterd-blocks").vkey

    assert fault(whole, vkeys=[other]) == "the checkpoint after batch 5: is not signed by a known key"


def test_every_octet_counts(whole: bytes, proof: bytes) -> None:
    @settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from([whole, proof]), st.data(), st.integers(1, 255))
    def altered(octets: bytes, data: st.DataObject, by: int) -> None:
        at = data.draw(st.integers(0, len(octets) - 1))
        other = octets[:at] + bytes([octets[at] ^ by]) + octets[at + 1 :]
        assert fault(other)
        assert octets is proof or without_whole(other)

    altered()


@pytest.mark.parametrize("name", ["whole", "proof"])
def test_what_is_cut_off_anywhere_is_refused(name: str, request: pytest.FixtureRequest) -> None:
    octets = request.getfixturevalue(name)

    assert all(fault(octets[:end]) for end in range(0, len(octets), 7))
    assert fault(octets + b"\n") and fault(octets + octets)


def test_a_proof_names_its_record(proof: bytes) -> None:
    found = verified(proof)

    assert (found.first, found.records) == (3, 1)
    assert fault(proof.replace(b'"action":"splash"', b'"action":"reset"')) == (
        "batch 3, record 1: the record was altered, or was not in this batch"
    )


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'{"bundle":"filterd-blocks/1"}\n',
        b"\xff\n",
        b"[" * 999 + b"\n",
        b"x" * 2**21,
    ],
)
def test_what_is_no_bundle_is_refused(octets: bytes) -> None:
    assert fault(octets) == "line 1: is not the head of a bundle of block records"


@given(
    st.lists(st.tuples(st.sampled_from([b'{"action":', b'{"batch":', b""]), st.binary(max_size=50)), max_size=40),
    st.binary(max_size=16),
    st.integers(0, 50),
    st.data(),
)
def test_the_hashes_of_records_are_those_of_the_compiled_code(
    texts: list[tuple[bytes, bytes]], salt: bytes, most: int, data: st.DataObject
) -> None:
    octets = b"".join(begin + text.replace(b"\n", b" ") + b"\n" for begin, text in texts)
    octets = octets[: data.draw(st.integers(0, len(octets)))]
    begin = data.draw(st.integers(0, len(octets)))

    level, end = block_verifier.leaf_hashes(salt, octets, begin, most)

    assert (level, end) == COMPILED.leaves(salt, octets, begin, most)
    assert block_verifier.root_of(level) == COMPILED.root(level)


@pytest.mark.services
def test_two_files_of_python_and_cryptography_are_enough(whole: bytes, tmp_path: Path) -> None:
    for module in (verifier, block_verifier):
        shutil.copy(str(module.__file__), tmp_path)
    (tmp_path / "whole").write_bytes(whole)
    (tmp_path / "altered").write_bytes(whole.replace(b"0.test", b"9.test", 1))

    runs = [
        subprocess.run(
            [sys.executable, "block_verifier.py", name],
            cwd=tmp_path,
            env={"PATH": "/usr/bin"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        for name in ("whole", "altered")
    ]

    assert [run.returncode for run in runs] == [0, 1], runs[0].stderr
    assert runs[0].stdout.startswith("whole: 12 records in batches 0 to 5: whole, in order, unaltered; signed by gw.")
    assert runs[1].stderr.startswith("altered: batch 0, of 2027-01-15: its records were altered")


def test_a_witness_that_is_asked_for_must_have_cosigned(store: Store, whole: bytes, proof: bytes) -> None:
    witness, kept = Cosigner(bytes(32), "witness.example"), store.tree.checkpoint_from(1)
    newest = store.tree.last_checkpoint()
    assert kept is not None and newest is not None
    cosigned = [note + witness.cosign(note, 1_800_000_000) for _, note, _ in (kept, newest)]

    for octets in (whole, proof):
        assert fault(octets, witnesses=[witness.vkey]).endswith("is not cosigned by the witness witness.example")
    assert verified(whole, held=cosigned[:1], witnesses=[witness.vkey]).until == 6
    store.tree.put_checkpoint(SignedCheckpoint(6, cosigned[1], store.seal.vkey))
    alone = proof_of(store.path, store.tree, 3, 1)
    assert verified(store.bundle(), witnesses=[witness.vkey]) == verified(whole)
    assert verified(alone, witnesses=[witness.vkey]).records == 1


TEXT = b"one\n\nthree\n" + b"x" * 40 + b"\nlast, without an end"
RECORDS = b"".join(b'{"action":%d}\n' % n for n in range(5))


@pytest.mark.parametrize("size", range(1, len(TEXT) + 1))
def test_lines_are_the_same_wherever_a_file_is_cut_into_pieces(size: int) -> None:
    pieces = [TEXT[at : at + size] for at in range(0, len(TEXT), size)]

    assert list(block_verifier.Lines(pieces)) == TEXT.splitlines(keepends=True)


@pytest.mark.parametrize("hashes", [block_verifier.PLAIN, COMPILED])
@pytest.mark.parametrize("size", range(1, len(RECORDS) + 1))
def test_records_are_hashed_up_to_the_next_other_line_wherever_a_file_is_cut_into_pieces(
    size: int, hashes: block_verifier.Hashes
) -> None:
    text = RECORDS + TEXT
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    expected = text.splitlines(keepends=True)

    for n in range(7):
        lines = block_verifier.Lines(pieces)
        assert lines.peek() == expected[0]
        level = lines.hash_records(b"salt", n, hashes.leaves)
        known = min(n, 5)
        assert level == leaves_of(b"salt", b"".join(expected[:known]))
        assert lines.peek() == expected[known]
        assert list(lines) == expected[known:]


def test_a_record_that_does_not_end_is_not_read_on_without_end() -> None:
    lines = block_verifier.Lines(itertools.chain([b'{"action":'], itertools.repeat(b"x" * 2**18)))

    assert lines.hash_records(b"", 5, COMPILED.leaves) == b""
    assert len(lines.peek()) <= 2**21
