"""Checks an exported ledger offline.  This file stands alone: Python's standard library and `cryptography`.

    python3 verifier.py BUNDLE [--key VERIFIER_KEY] [--checkpoint FILE] [--witness VERIFIER_KEY]

A bundle is lines of canonical JSON (RFC 8785):

    {"bundle":"filterd-ledger/1","first":F,"frontier":[…],"keys":[…],"until":U}   events F to U-1; keys: C2SP vkeys
    {"event":{…,"number":N,…},"leaf":HEX,"salt":HEX}                               one event
    {"leaf":HEX,"number":N,"redacted_by":M}                                        one whose text was destroyed
    {"checkpoint":NOTE}                                                            all events before this line, signed

    {"bundle":"filterd-ledger-proof/1","keys":[…],"number":N,"path":[…],"size":S}  or: one event, proven alone
    the line of that event, and the checkpoint of size S

A leaf is SHA-256(0x00 ‖ salt ‖ the event's octets, as they stand in its line).  `frontier` holds the hashes of the
complete subtrees of the events before F, the largest first; a checkpoint of size F follows the head then.

Invariants: memory does not grow with the bundle; no octet of a bundle can change unseen; the first fault is the one
that is reported.  What this cannot see is a bundle that ends at an earlier checkpoint than it could: hold it against a
checkpoint that you have from elsewhere.
Source: RFC 9162 §2.1 (tree, inclusion); C2SP signed-note, tlog-checkpoint and tlog-cosignature (c2sp.org).
"""

import argparse
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WHAT, RANGE, PROOF = "an exported ledger", "filterd-ledger/1", "filterd-ledger-proof/1"
REDACTED = "redacted"  # the action of an event that says so of another
ED25519, COSIGNATURE = b"\x01", b"\x04"  # signed-note, tlog-cosignature: the octet that says which algorithm
SIGNATURE = "— "  # an em dash and a space, before each line of a signature
MAX_LINE = 1 << 20  # a line is at most some kilobytes; a checkpoint at most 1 MiB in Go's reader
EVENT, LEAF, SALT = b'{"event":', b',"leaf":"', b'","salt":"'
LEAF_AT, SALT_AT = -(len(LEAF) + 64 + len(SALT) + 32 + 2), -(32 + 2)  # from the end of an event's line
TIME_CHARACTERS = len("2026-11-27T11:00:00.000Z")


class Defect(Exception):
    """What was found, and where; nothing after it was looked at."""


class Checkpoint(NamedTuple):
    """How many events a log had, and the hash of their tree, as its key has signed it."""

    origin: str
    size: int
    root: bytes


class Summary(NamedTuple):
    """What was verified.   first_time, last_time  of the events whose text is there"""

    first: int
    until: int
    redacted: int
    checkpoints: int
    root: bytes
    first_time: str
    last_time: str
    key_ids: tuple[str, ...]


# -- the tree ----------------------------------------------------------------------------------------------------------


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a tree: the hashes of its complete subtrees, the largest first.   Cost: one hash a leaf."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if size.bit_count() != len(hashes):
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} complete subtrees, not {len(hashes)}")
        self.size, self.hashes = size, list(hashes)

    def add(self, leaf: bytes) -> None:
        at = self.size
        while at & 1:
            leaf = node_hash(self.hashes.pop(), leaf)
            at >>= 1
        self.hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.hashes:
            return hashlib.sha256(b"").digest()
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def copy(self) -> "Frontier":
        return Frontier(self.size, self.hashes)


def root_of_path(leaf: bytes, number: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to.   Raises ValueError.   Source: RFC 9162 §2.1.3.2"""
    if not 0 <= number < size:
        raise ValueError("no such leaf")
    at, last, root = number, size - 1, leaf
    for other in path:
        if last == 0:
            raise ValueError("the path is too long")
        if at & 1 or at == last:
            root = node_hash(other, root)
            while not at & 1:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, other)
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return root


# -- checkpoints -------------------------------------------------------------------------------------------------------


def key_id(name: str, public: bytes, algorithm: bytes = ED25519) -> bytes:
    """Source: C2SP signed-note, key ID."""
    return hashlib.sha256(name.encode() + b"\n" + algorithm + public).digest()[:4]


def read_key(vkey: str, algorithm: bytes = ED25519) -> tuple[str, bytes, Ed25519PublicKey]:
    """A C2SP verifier key: its name, id and key.   Raises ValueError."""
    name, said, text = [*vkey.split("+", 2), "", ""][:3]
    octets = base64_octets(text)
    if octets[:1] != algorithm or len(octets) != 33 or not name or said != key_id(name, octets[1:], algorithm).hex():
        raise ValueError("is no Ed25519 key of a signed note" if algorithm == ED25519 else "is no key of a witness")
    return name, octets[1:], Ed25519PublicKey.from_public_bytes(octets[1:])


def open_note(note: str, vkeys: Sequence[str]) -> Checkpoint:
    """The checkpoint in a note, which one of the keys has signed.   Raises ValueError."""
    text = open_text(note, vkeys)
    origin, size, root, *_ = [*text.split("\n"), "", "", ""]
    if not origin or not (size.isdecimal() and str(int(size)) == size) or len(base64_octets(root)) != 32:
        raise ValueError("is signed, and no checkpoint")
    return Checkpoint(origin, int(size), base64_octets(root))


def open_text(note: str, vkeys: Sequence[str]) -> str:
    """The text of a note, which one of the keys has signed.   Raises ValueError."""
    text, gap, signatures = note.rpartition("\n\n")
    text += "\n"
    known = {(name, key_id(name, public)): key for name, public, key in map(read_key, vkeys)}
    if not gap or not signatures.endswith("\n") or not _is_signed(text, signatures[:-1].split("\n"), known):
        raise ValueError("is not signed by a known key")
    return text


def require_witnesses(notes: Sequence[str], witnesses: Sequence[str]) -> None:
    """Have each witness's cosignature under one of the checkpoints.   Raises ValueError.   Source: tlog-cosignature"""
    for name, public, key in (read_key(vkey, COSIGNATURE) for vkey in witnesses):
        start, found = f"{SIGNATURE}{name} ", 0
        for text, _, signatures in (note.rpartition("\n\n") for note in notes):
            mine = [base64_octets(line[len(start) :]) for line in signatures.split("\n") if line.startswith(start)]
            for octets in (each for each in mine if each[:4] == key_id(name, public, COSIGNATURE)):
                try:
                    said = f"cosignature/v1\ntime {int.from_bytes(octets[4:12])}\n{text}\n"
                    key.verify(octets[12:], said.encode())
                except InvalidSignature as reason:
                    raise ValueError(f"has a false cosignature of the witness {name}") from reason
                found += 1
        if not found:
            raise ValueError(f"is not cosigned by the witness {name}")


def _is_signed(text: str, lines: list[str], known: dict[tuple[str, bytes], Ed25519PublicKey]) -> bool:
    """Signatures of unknown keys, such as witnesses', are passed over; one of a known key that is wrong is a fault."""
    found = False
    for line in lines:
        name, _, signature = line.removeprefix(SIGNATURE).partition(" ")
        octets = base64_octets(signature)
        key = known.get((name, octets[:4])) if line.startswith(SIGNATURE) else None
        if key is not None:
            try:
                key.verify(octets[4:], text.encode())
            except InvalidSignature:
                return False
            found = True
    return found


def base64_octets(text: str) -> bytes:
    """Base 64, in its one canonical spelling.   Raises ValueError."""
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as reason:
        raise ValueError("is not base 64") from reason
    if base64.b64encode(octets).decode() != text:
        raise ValueError("is not canonical base 64")
    return octets


# -- a bundle ----------------------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """A line of an event.   leaf  as stated;   computed  from the text, None: redacted

    redacts, redacted_by  the other event, where this one says that it was redacted, or was"""

    number: int
    leaf: bytes
    computed: bytes | None
    time: str
    redacts: int | None = None
    redacted_by: int = 0


def verify(
    lines: Iterable[bytes], vkeys: Sequence[str] = (), held: Sequence[str] = (), witnesses: Sequence[str] = ()
) -> Summary:
    """Check a bundle.   vkeys  to believe, none: those in the bundle;   held  checkpoints from elsewhere (notes)

    witnesses  who must have cosigned the last checkpoint, or one of `held`: their verifier keys
    Raises Defect with the first fault."""
    numbered = enumerate(lines, 1)
    head = _head(next(numbered, (1, b""))[1])
    keys = tuple(vkeys or head["keys"])
    try:
        known = [open_note(note, keys) for note in held]
        ids = tuple(f"{name}+{key_id(name, public).hex()}" for name, public, _ in map(read_key, keys))
    except ValueError as reason:
        raise Defect(f"a key, or a checkpoint given to hold the bundle against: {reason}") from reason
    if head["bundle"] == PROOF:
        return _verify_proof(head, [line for _, line in numbered], keys, known, ids, witnesses)
    return _Range(head, keys, known, (held, witnesses)).read(numbered, ids)


class _Range:
    """The state of a walk through the events of a bundle."""

    def __init__(
        self, head: dict[str, Any], keys: tuple[str, ...], held: list[Checkpoint], cosigned: tuple[Sequence[str], ...]
    ) -> None:
        self.first, self.until, self.keys = head["first"], head["until"], keys
        self.held, self.cosigned = held, cosigned
        try:
            self.tree = Frontier(self.first, [bytes.fromhex(each) for each in head["frontier"]])
        except ValueError as reason:
            raise Defect(f"line 1, the head: {reason}") from reason
        self.forked: int | None = None  # the size of the first held checkpoint that is not of this history
        self._hold_against()
        self.origin, self.signed = "", 0  # of the last checkpoint: its origin and size
        self.has_start = self.first == 0
        self.texts: Frontier | None = None  # the tree of the texts, where it is another than that of the stated leaves
        self.fault: tuple[str, int] | None = None  # the first one since the last checkpoint: kind, number
        self.is_late = False  # whether the event that was expected at a fault has come later
        self.unexplained: dict[int, int] = {}  # redacted event → the one that has to say so
        self.counts = {"redacted": 0, "checkpoints": 0}
        self.first_time = self.last_time = ""

    def read(self, numbered: Iterator[tuple[int, bytes]], ids: tuple[str, ...]) -> Summary:
        for at, line in numbered:
            if line.startswith(b'{"checkpoint":'):
                self._close(at, line)
            else:
                self._take(at, line)
        if self.fault or self.tree.size != self.signed or not self.has_start:
            raise Defect(self._named() if self.fault else f"{self._where()}: no checkpoint closes the bundle: cut off")
        if self.tree.size != self.until:
            raise Defect(
                f"cut off: the head says that the bundle goes up to {self.until}, and it ends at {self.tree.size}"
            )
        if self.unexplained:
            number, by = next(iter(self.unexplained.items()))
            raise Defect(f"event {number}: left out: event {by} does not say that it was redacted")
        if missing := [each.size for each in self.held if not self.first <= each.size <= self.until]:
            raise Defect(f"the bundle does not reach the checkpoint of {missing[0]} events that it is held against")
        counts = self.counts["redacted"], self.counts["checkpoints"]
        return Summary(self.first, self.until, *counts, self.tree.root(), self.first_time, self.last_time, ids)

    def _take(self, at: int, line: bytes) -> None:
        expected = self.tree.size
        try:
            row = _row(line)
            if not self.has_start:
                raise ValueError("stands before the checkpoint that the bundle begins at")
        except ValueError as reason:
            raise Defect(self._named() if self.fault else f"event {expected} (line {at}): {reason}") from reason
        if row.computed is None:
            self.counts["redacted"] += 1
            self.unexplained[row.number] = row.redacted_by
        elif row.computed != row.leaf:
            self._note("altered", expected)
        if self.unexplained.get(row.redacts or 0, -1) == row.number and row.redacts is not None:
            del self.unexplained[row.redacts]
        if row.number != expected:
            self.is_late |= self.fault is not None and self.fault[0] == "number" and row.number == self.fault[1]
            self._note("number", expected)
        if row.time:
            if row.time < self.last_time:
                self._note("time", expected)
            self.first_time, self.last_time = self.first_time or row.time, row.time
        if self.texts is None and row.computed not in (None, row.leaf):
            self.texts = self.tree.copy()
        if self.texts is not None:
            self.texts.add(row.computed or row.leaf)
        self.tree.add(row.leaf)
        self._hold_against()

    def _hold_against(self) -> None:  # whether or not the bundle has a checkpoint of this size
        if any(each.size == self.tree.size and each.root != self.tree.root() for each in self.held):
            self.forked = self.tree.size if self.forked is None else self.forked

    def _note(self, kind: str, number: int) -> None:
        self.fault = self.fault or (kind, number)

    def _close(self, at: int, line: bytes) -> None:
        """A checkpoint: all that came before it must be what was signed."""
        try:
            said = canonical(line, "checkpoint")
            checkpoint = open_note(str(said["checkpoint"]), self.keys)
            if checkpoint.size == self.until:
                require_witnesses([*self.cosigned[0], str(said["checkpoint"])], self.cosigned[1])
            if self.origin not in ("", checkpoint.origin):
                raise ValueError(f"is of another log, {checkpoint.origin!r}")
        except ValueError as reason:
            found = f"line {at}, the checkpoint after event {self.tree.size - 1}: {reason}"
            raise Defect(self._named() if self.fault else found) from reason
        root = self.tree.root()
        if not self.has_start and (checkpoint.size, checkpoint.root) != (self.first, root):
            raise Defect("line 1, the head: its frontier is not what was signed")
        if self.fault or (checkpoint.size, checkpoint.root) != (self.tree.size, root):
            raise Defect(self._named(checkpoint))
        if self.forked is not None:
            raise Defect(f"the checkpoint of {self.forked} events that you hold is of another history")
        self.origin, self.signed, self.has_start = checkpoint.origin, checkpoint.size, True
        self.counts["checkpoints"] += 1

    def _where(self) -> str:
        return f"events {self.signed} to {self.tree.size - 1}" if self.tree.size > self.signed else "the end"

    def _named(self, signed: Checkpoint | None = None) -> str:
        """What is wrong since the last checkpoint, in a sentence."""
        kind, number = self.fault or ("", 0)
        more = 0 if signed is None else self.tree.size - signed.size
        if kind == "altered":
            if signed and self.texts and self.texts.size == signed.size and self.texts.root() == signed.root:
                return f"event {number}: its leaf hash was altered; its text is the one that was signed"
            return f"event {number}: altered: its text is not what its leaf hash was made of"
        if kind == "number":
            if more > 0:
                return f"event {number}: put in: {more} more between two checkpoints than were signed"
            return f"event {number}: {'re-ordered: it comes later' if self.is_late else 'left out'}"
        if kind == "time":
            return f"event {number}: re-ordered: it is older than the one before it"
        if more:
            what = "put in" if more > 0 else "left out"
            return f"event {min(self.tree.size, signed.size if signed else 0)}: {what}: {abs(more)} {what} in all"
        last = self.tree.size - 1
        return f"event {self.signed}, or one up to {last}: altered together with its leaf hash: not what was signed"


def _verify_proof(
    head: dict[str, Any],
    lines: list[bytes],
    keys: tuple[str, ...],
    held: list[Checkpoint],
    ids: tuple[str, ...],
    witnesses: Sequence[str],
) -> Summary:
    number = head["number"]
    try:
        row, note = _row(lines[0]), str(canonical(lines[1], "checkpoint")["checkpoint"])
        checkpoint = open_note(note, keys)
        require_witnesses([note], witnesses)
        if len(lines) != 2 or row.number != number or row.computed not in (None, row.leaf):
            raise ValueError("its text is not what its leaf hash was made of")
        root = root_of_path(row.leaf, number, checkpoint.size, [bytes.fromhex(each) for each in head["path"]])
        if root != checkpoint.root or checkpoint.size != head["size"]:
            raise ValueError("its path does not lead to what was signed")
        if any((each.size, each.root) != (checkpoint.size, root) for each in held):
            raise ValueError("the checkpoint that you hold is another one")
    except (ValueError, IndexError) as reason:
        raise Defect(f"event {number}: {reason}") from reason
    return Summary(number, number + 1, row.computed is None, 1, root, row.time, row.time, ids)


def _head(line: bytes) -> dict[str, Any]:
    try:
        bundle = json.loads(line).get("bundle") if len(line) <= MAX_LINE else None
        names = ("first", "frontier", "keys", "until") if bundle == RANGE else ("keys", "number", "path", "size")
        head = canonical(line, "bundle", *names)
        hashes = head["frontier" if bundle == RANGE else "path"]
        whole = [head[name] for name in ("first", "until", "number", "size") if name in names]
        if bundle not in (RANGE, PROOF) or not all(type(each) is int and each >= 0 for each in whole):
            raise ValueError
        if not all(isinstance(each, str) and each == bytes.fromhex(each).hex() for each in hashes):
            raise ValueError
        if not all(isinstance(each, str) for each in head["keys"]):
            raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError) as reason:
        raise Defect("line 1: is not the head of a bundle of this kind") from reason
    return head


def _row(line: bytes) -> _Row:
    """Raises ValueError: altered."""
    if not line.startswith(EVENT):
        if not line.startswith(b'{"leaf":"'):
            raise ValueError("altered: the line is neither an event nor a checkpoint")
        said = canonical(line, "leaf", "number", "redacted_by")
        leaf, number = said["leaf"], said["number"]
        if type(number) is not int or type(said["redacted_by"]) is not int or said["redacted_by"] <= number:
            raise ValueError("altered: the line is no event")
        return _Row(number, _hash(leaf), None, "", redacted_by=said["redacted_by"])
    if len(line) > MAX_LINE or line[-3:] != b'"}\n' or line[SALT_AT - 1 - len(SALT) : SALT_AT - 1] != SALT:
        raise ValueError("altered: the line is no event")
    event, end = line[len(EVENT) : LEAF_AT - 1], LEAF_AT - 1 + len(LEAF)
    if line[LEAF_AT - 1 : end] != LEAF:
        raise ValueError("altered: the line is no event")
    salt, leaf = unhex(line[SALT_AT - 1 : -3]), unhex(line[end : end + 64])
    try:
        said = json.loads(event)
        number, time = said["number"], said["time"]
        redacts = said["about"]["event"] if said["action"] == REDACTED else None
    except (ValueError, KeyError, TypeError, RecursionError) as reason:
        raise ValueError("altered: its text is not readable") from reason
    if type(number) is not int or not isinstance(time, str) or len(time) != TIME_CHARACTERS:
        raise ValueError("altered: it has no number or no time")
    return _Row(number, leaf, leaf_hash(salt + event), time, redacts)


def canonical(line: bytes, *names: str) -> dict[str, Any]:
    """An object with exactly these members, spelled as RFC 8785 has it.   Raises ValueError."""
    try:
        said = json.loads(line) if len(line) <= MAX_LINE else None
        again = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    except (ValueError, RecursionError) as reason:
        raise ValueError("altered: the line is not readable") from reason
    if not isinstance(said, dict) or set(said) != set(names) or again != line:
        raise ValueError("altered: the line is not as the ledger writes it")
    return said


def _hash(text: object) -> bytes:
    if not isinstance(text, str) or len(text) != 64:
        raise ValueError("altered: its leaf hash is not one")
    return unhex(text.encode())


def unhex(text: bytes) -> bytes:
    octets = bytes.fromhex(text.decode("ascii"))
    if octets.hex().encode() != text:
        raise ValueError("altered: a hash is not in lower-case hexadecimal")
    return octets


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; one that is too long comes in pieces, which are no lines of a bundle."""
    return iter(lambda: file.readline(MAX_LINE + 2), b"")


def main(argv: Sequence[str] | None = None, of: Any = sys.modules[__name__]) -> int:  # of: a verifier
    parser = argparse.ArgumentParser(description=f"Check {of.WHAT} of filterd.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", action="append", default=[], help="a verifier key that you have from elsewhere")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="one that you have kept")
    parser.add_argument("--witness", action="append", default=[], help="the verifier key of one who must have cosigned")
    said = parser.parse_args(argv)
    try:
        with said.bundle.open("rb") as file:
            found = of.verify(of.lines_of(file), said.key, [path.read_text() for path in said.checkpoint], said.witness)
    except (Defect, OSError, UnicodeDecodeError) as reason:
        print(f"{said.bundle}: {reason}", file=sys.stderr)
        return 1
    print(f"{said.bundle}: {of.sentence(found)}")
    return 0


def sentence(found: Summary) -> str:
    """What was verified, for a person."""
    n = found.until - found.first
    span = f" of {found.first_time} to {found.last_time}" if found.first_time else ""
    redacted = f", {found.redacted} of them redacted" if found.redacted else ""
    signed = f"{found.checkpoints} checkpoints signed by {', '.join(found.key_ids)}"
    whole = f"{n} events from {found.first} on{span}{redacted}: whole, in order, unaltered"
    return f"{whole}; {signed}; root {found.root.hex()}"


if __name__ == "__main__":
    sys.exit(main())
