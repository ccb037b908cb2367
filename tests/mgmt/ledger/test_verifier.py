import hashlib
import itertools
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import ledger as oracle
from sqlalchemy import Engine
from support.database.sqlite import make_database
from support.mgmt import ledgers
from support.mgmt.ledgers import NOON, SIGNER, at_event, bundle, fault, joined, named, split, verified

from mgmt.ledger import store, verifier
from mgmt.ledger.bundle import consistency_of, proof_of
from mgmt.ledger.checkpoint import Cosigner, Signer
from mgmt.ledger.event import CONTROL
from mgmt.ledger.verifier import Frontier, leaf_hash
from parental.store.database import open_database, reading, writing

# The vectors of certificate-transparency's merkletree tests, as most implementations of RFC 6962 have them.
LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
# The example of golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


@pytest.fixture
def whole(engine: Engine) -> bytes:
    """Twelve events and the key's, with checkpoints of sizes 5 and 13."""
    ledgers.write(engine, 12, signed={4})
    return bundle(engine)


def new_database(path: Path) -> Engine:
    """A second ledger's database, of SQLite."""
    make_database(path)
    return open_database(path)


def edited(octets: bytes, number: int, **changes: Any) -> bytes:
    """The same with other members in one event, whose leaf hash is left as it was."""
    lines, at = split(octets), at_event(octets, number)
    said = json.loads(lines[at])
    said["event"] |= changes
    lines[at] = json.dumps(said, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    return joined(lines)


@pytest.mark.parametrize(("size", "root"), ROOTS.items())
def test_the_tree_has_the_roots_of_other_implementations(size: int, root: str) -> None:
    tree = Frontier()
    for leaf in LEAVES[:size]:
        tree.add(leaf_hash(bytes.fromhex(leaf)))

    assert tree.root().hex() == root


def test_a_note_signed_by_go_is_accepted_and_one_with_another_letter_is_not() -> None:
    with pytest.raises(ValueError, match="is signed, and no checkpoint"):
        verifier.open_note(GO_NOTE, [GO_KEY])
    with pytest.raises(ValueError, match="is not signed by a known key"):
        verifier.open_note(GO_NOTE.replace("your", "Your"), [GO_KEY])


def test_a_checkpoint_is_the_lines_that_c2sp_says() -> None:
    root = hashlib.sha256(b"").digest()

    note = SIGNER.sign(0, root)

    assert note.splitlines()[:4] == [
        "gw.example/filterd-ledger",
        "0",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "",
    ]
    assert verifier.open_note(note, [SIGNER.vkey]) == (SIGNER.name, 0, root)


def test_a_whole_ledger_is_accepted_by_both_verifiers(whole: bytes) -> None:
    found = verified(whole)

    assert (found.first, found.until, found.redacted, found.checkpoints) == (0, 13, 0, 2)
    assert (found.first_time, found.last_time) == ("2026-08-03T12:00:01.000Z", "2026-08-03T12:00:12.000Z")
    assert oracle.check(whole) == 13


def test_every_range_verifies_alone_and_holds_what_was_asked_for(engine: Engine) -> None:
    ledgers.write(engine, 12, signed={2, 4, 7})
    start_ms = int(NOON.timestamp()) * 1000

    for since_s, until_s in itertools.product([0, 3, 4, 5, 9, 12, 100], [0, 5, 12, 100]):
        octets = bundle(engine, start_ms + since_s * 1000, start_ms + until_s * 1000)

        found = verified(octets)
        assert oracle.check(octets) == found.until - found.first
        lines = {json.loads(line)["event"]["about"].get("line") for line in split(octets) if b'"event":' in line}
        assert set(range(max(1, since_s), min(13, until_s))) <= lines


def test_a_frontier_that_is_not_the_signed_one_is_refused(engine: Engine) -> None:
    ledgers.write(engine, 12, signed={4})
    octets = bundle(engine, int(NOON.timestamp()) * 1000 + 9000)
    frontier = json.loads(split(octets)[0])["frontier"][0]

    assert fault(octets.replace(frontier.encode(), b"0" * 64, 1)).startswith("line 1, the head: its frontier")


def test_an_empty_ledger_is_whole(engine: Engine) -> None:
    assert verified(bundle(engine)).until == oracle.check(bundle(engine)) == 0


@pytest.mark.parametrize(
    "changes",
    [{"action": "line removed"}, {"time": "2026-08-03T12:00:06.001Z"}, {"actor": None}, {"said": {"x": 1}}],
)
def test_an_altered_event_is_named(whole: bytes, changes: dict[str, Any]) -> None:
    assert fault(edited(whole, 7, **changes)).startswith("event 7: altered")


def test_the_first_of_several_altered_events_is_named(whole: bytes) -> None:
    assert named(fault(edited(edited(whole, 9, action="a"), 6, action="b"))) == 6


def test_an_event_that_was_left_out_is_named(whole: bytes) -> None:
    lines = split(whole)
    del lines[at_event(whole, 7)]

    assert fault(joined(lines)) == "event 7: left out"


def test_the_last_event_before_a_checkpoint_that_was_left_out_is_named(whole: bytes) -> None:
    lines = split(whole)
    del lines[at_event(whole, 12)]

    assert fault(joined(lines)).startswith("event 12: left out")


def test_an_event_that_was_put_in_is_named(whole: bytes) -> None:
    lines = split(whole)
    forged = split(edited(whole, 7, action="forged"))[at_event(whole, 7)]
    said = json.loads(forged)
    text = json.dumps(said["event"], sort_keys=True, separators=(",", ":")).encode()
    said["leaf"] = leaf_hash(bytes.fromhex(said["salt"]) + text).hex()
    lines.insert(at_event(whole, 7), json.dumps(said, sort_keys=True, separators=(",", ":")).encode() + b"\n")

    assert fault(joined(lines)).startswith("event 8: put in: 1 more")


def test_events_that_were_swapped_are_named(whole: bytes) -> None:
    lines, at = split(whole), at_event(whole, 7)
    lines[at], lines[at + 2] = lines[at + 2], lines[at]

    assert fault(joined(lines)).startswith("event 7: re-ordered")


def test_an_event_altered_together_with_its_leaf_hash_is_found_between_its_checkpoints(whole: bytes) -> None:
    at = at_event(whole, 7)
    lines = split(edited(whole, 7, action="forged"))
    said = json.loads(lines[at])
    text = json.dumps(said["event"], sort_keys=True, separators=(",", ":")).encode()
    said["leaf"] = leaf_hash(bytes.fromhex(said["salt"]) + text).hex()
    lines[at] = json.dumps(said, sort_keys=True, separators=(",", ":")).encode() + b"\n"

    assert fault(joined(lines)).startswith("event 5, or one up to 12: altered together with its leaf hash")


def test_an_altered_leaf_hash_is_told_from_an_altered_event(whole: bytes) -> None:
    lines, at = split(whole), at_event(whole, 7)
    said = json.loads(lines[at])
    said["leaf"] = "0" * 64
    lines[at] = json.dumps(said, sort_keys=True, separators=(",", ":")).encode() + b"\n"

    assert fault(joined(lines)) == "event 7: its leaf hash was altered; its text is the one that was signed"


def test_a_ledger_that_was_cut_off_between_checkpoints_is_refused(whole: bytes) -> None:
    assert "left out" in fault(joined(split(whole)[:-3])) or "cut off" in fault(joined(split(whole)[:-3]))


def test_a_ledger_cut_off_at_a_checkpoint_is_refused_by_a_later_checkpoint_from_elsewhere(engine: Engine) -> None:
    ledgers.write(engine, 4)
    earlier = bundle(engine)
    ledgers.write(engine, 3)
    with reading(engine) as conn:
        kept = store.signed_at(conn, store.size(conn)) or ""

    assert fault(earlier) == ""
    assert "does not reach the checkpoint of 8 events" in fault(earlier, held=[kept])
    assert fault(bundle(engine), held=[kept]) == ""


def test_another_history_under_the_same_key_is_refused_by_a_checkpoint_from_elsewhere(
    engine: Engine, tmp_path: Path
) -> None:
    ledgers.write(engine, 4)
    other = new_database(tmp_path / "other.db")
    ledgers.write(other, 4)
    with reading(other) as conn:
        kept = store.signed_at(conn, store.size(conn)) or ""
    other.dispose()

    assert "is of another history" in fault(bundle(engine), held=[kept])


def test_another_history_is_refused_though_it_leaves_out_the_checkpoint_of_the_size_that_is_held(
    engine: Engine, tmp_path: Path
) -> None:
    ledgers.write(engine, 8)
    other = new_database(tmp_path / "other.db")
    ledgers.write(other, 12, signed={4})
    witness = Cosigner(bytes(32), "witness.example")
    with reading(other) as conn:
        kept, end = store.signed_at(conn, 5) or "", store.signed_at(conn, 13) or ""
    with reading(engine) as conn:
        own = store.signed_at(conn, 9) or ""
    other.dispose()
    cosigned = kept + witness.cosign(kept, 1_800_000_000)

    assert fault(bundle(engine), held=[own]) == ""
    assert fault(bundle(engine), held=[cosigned], witnesses=[witness.vkey]) == (
        "the checkpoint of 5 events that you hold is of another history"
    )
    assert "does not reach the checkpoint of 13 events" in fault(bundle(engine), held=[end])


def test_of_two_checkpoints_of_one_size_that_are_held_none_is_passed_over(engine: Engine, tmp_path: Path) -> None:
    ledgers.write(engine, 4)
    other = new_database(tmp_path / "other.db")
    ledgers.write(other, 4)
    with reading(engine) as conn, reading(other) as of_other:
        own, forked = store.signed_at(conn, 5) or "", store.signed_at(of_other, 5) or ""
    other.dispose()

    for held in ([own, forked], [forked, own]):
        assert "is of another history" in fault(bundle(engine), held=held)


def test_a_ledger_rewritten_and_signed_by_another_key_is_refused_by_the_key_that_an_auditor_has(
    engine: Engine, tmp_path: Path
) -> None:
    forger = Signer(bytes(32), SIGNER.name)
    with writing(engine) as conn:
        store.append(conn, ledgers.line_put(1), NOON)
    ledgers.sign(engine, forger)

    assert fault(bundle(engine)) == ""
    assert "is not signed by a known key" in fault(bundle(engine), vkeys=[SIGNER.vkey])


def test_a_redacted_event_leaves_a_tree_that_verifies_and_says_what_redacted_it(engine: Engine) -> None:
    ledgers.write(engine, 5)
    with writing(engine) as conn:
        by = store.redact(conn, 2, "a court", CONTROL, NOON)
    ledgers.sign(engine)

    octets = bundle(engine)

    assert (verified(octets).redacted, oracle.check(octets)) == (1, 7)
    assert b'"line":3' not in octets
    assert f'"number":2,"redacted_by":{by}'.encode() in octets
    in_range = bundle(engine, 0, int(NOON.timestamp() * 1000) + 2500)
    assert verified(in_range).until == 7  # as far as the event that says so


def test_a_redaction_that_no_event_says_is_refused(engine: Engine, whole: bytes) -> None:
    lines, at = split(whole), at_event(whole, 7)
    said = json.loads(lines[at])
    lines[at] = (
        json.dumps({"leaf": said["leaf"], "number": 7, "redacted_by": 9}, separators=(",", ":")).encode() + b"\n"
    )

    assert fault(joined(lines)) == "event 7: left out: event 9 does not say that it was redacted"
    with pytest.raises(oracle.Wrong, match="7:"):
        oracle.check(joined(lines))


def test_one_event_is_proven_alone(engine: Engine, whole: bytes) -> None:
    for number in range(13):
        with reading(engine) as conn:
            octets = proof_of(conn, number)

        assert (verified(octets).first, verified(octets).until) == (number, number + 1)
        assert len(split(octets)) == 3


def test_every_altered_octet_of_a_proof_is_found(engine: Engine) -> None:
    ledgers.write(engine, 5)
    with reading(engine) as conn:
        octets = proof_of(conn, 3)

    for at in range(len(octets)):
        altered = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        assert fault(altered), f"octet {at}: {octets[max(0, at - 20) : at + 20]!r}"


def test_the_newest_checkpoint_is_proven_to_continue_every_earlier_one(engine: Engine) -> None:
    ledgers.sign(engine)  # the key's event is the first
    ledgers.write(engine, 12, signed=range(13))
    for earlier in range(1, 14):
        with reading(engine) as conn:
            said, before = consistency_of(conn, earlier), store.signed_at(conn, earlier) or ""
        path = [bytes.fromhex(each) for each in said["path"]]
        new, old = (verifier.open_note(note, [SIGNER.vkey]) for note in (said["checkpoint"], before))

        assert oracle.is_consistent(earlier, new.size, old.root, new.root, path)
        assert not oracle.is_consistent(earlier, new.size, bytes(32), new.root, path)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_both_verifiers_agree_on_random_ledgers_and_on_what_was_done_to_them(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, 20))
    signed = data.draw(st.sets(st.integers(1, n)))
    since_s, until_s = data.draw(st.integers(0, n)), data.draw(st.integers(0, n + 2))
    engine = new_database(tmp_path_factory.mktemp("ledger") / "filterd.db")
    ledgers.write(engine, n, signed)
    start_ms = int(NOON.timestamp()) * 1000
    lines = split(bundle(engine, start_ms + since_s * 1000, start_ms + until_s * 1000))
    engine.dispose()
    assert fault(joined(lines)) == ""
    oracle.check(joined(lines))

    what, at = data.draw(st.sampled_from(["left out", "twice", "swapped"])), data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(st.integers(0, len(lines) - 1))
    changed = list(lines)
    match what:
        case "left out":
            del changed[at]
        case "twice":
            changed.insert(other, changed[at])
        case _:
            changed[at], changed[other] = changed[other], changed[at]
    is_same = changed == lines or _is_shorter_ledger(lines, changed)

    assert (fault(joined(changed)) == "") == (_oracle_fault(joined(changed)) is None)
    assert is_same or fault(joined(changed))


def _is_shorter_ledger(lines: list[bytes], changed: list[bytes]) -> bool:
    """A checkpoint that is not the last one, or stands twice, takes nothing away from what is proven."""
    left = [line for line in changed if line.startswith(b'{"checkpoint"')]
    return [x for x in changed if x not in left] == [x for x in lines if not x.startswith(b'{"checkpoint"')]


def _oracle_fault(octets: bytes) -> oracle.Wrong | None:
    try:
        oracle.check(octets)
    except oracle.Wrong as wrong:
        return wrong
    return None


def test_both_verifiers_name_the_same_event_for_every_single_altered_octet(engine: Engine) -> None:
    ledgers.write(engine, 4, signed={2})
    with writing(engine) as conn:
        store.redact(conn, 1, "a court", CONTROL, NOON)
    ledgers.sign(engine)
    octets = bundle(engine)
    chosen = random.Random(13)

    for at in range(len(octets)):
        value = octets[at] ^ chosen.choice((1, 2, 4, 8, 16, 32, 64, 128))
        altered = octets[:at] + bytes([value]) + octets[at + 1 :]
        said, other = fault(altered), _oracle_fault(altered)
        assert said and other, f"octet {at}: {octets[at]} → {value}: {said!r} {other}"
        assert named(said) == other.event, f"octet {at}: {said}; {other}"


@pytest.mark.services
def test_the_file_verifies_alone_with_nothing_of_filterd_in_reach(engine: Engine, whole: bytes, tmp_path: Path) -> None:
    place = tmp_path / "alone"
    place.mkdir()
    shutil.copy(verifier.__file__, place / "verifier.py")
    (place / "bundle").write_bytes(whole)
    (place / "altered").write_bytes(edited(whole, 7, action="forged"))

    def run(name: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-I", "verifier.py", name, "--key", SIGNER.vkey]
        return subprocess.run(argv, capture_output=True, text=True, cwd=place, check=False)

    good, bad = run("bundle"), run("altered")

    assert (good.returncode, bad.returncode) == (0, 1)
    assert "13 events from 0 on" in good.stdout and "whole, in order, unaltered" in good.stdout
    assert bad.stderr.startswith("altered: event 7: altered")


def test_a_line_without_an_end_takes_no_more_memory_than_a_line_may_have(tmp_path: Path) -> None:
    (tmp_path / "endless").write_bytes(b"{" * (3 * verifier.MAX_LINE))

    with (tmp_path / "endless").open("rb") as file:
        assert max(map(len, verifier.lines_of(file))) <= verifier.MAX_LINE + 2
    assert verifier.main([str(tmp_path / "endless")]) == 1


def test_a_witness_that_is_asked_for_must_have_cosigned_the_end_or_what_is_held(engine: Engine) -> None:
    ledgers.write(engine, 12, signed={4})
    octets, witness = bundle(engine), Cosigner(bytes(32), "witness.example")
    with reading(engine) as conn:
        kept, proof = store.signed_at(conn, 5) or "", proof_of(conn, 3)
    cosigned = kept + witness.cosign(kept, 1_800_000_000)

    for each in (octets, proof):
        assert fault(each, witnesses=[witness.vkey]).endswith("is not cosigned by the witness witness.example")
    assert verified(octets, held=[cosigned], witnesses=[witness.vkey]).until == 13
    false = kept + witness.cosign(kept.replace("5", "6", 1), 1_800_000_000)
    assert "has a false cosignature" in fault(octets, held=[false], witnesses=[witness.vkey])
    assert "is no key of a witness" in fault(octets, witnesses=[SIGNER.vkey])
