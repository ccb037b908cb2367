"""A second verifier of exported ledgers, written from RFC 9162, RFC 8785 and C2SP alone; shares no code with the first.

It reads everything into memory, builds every tree by the recursive definition, and writes every event's text again
from what it has parsed.
"""

import base64
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Nodes = dict[tuple[int, int], bytes]  # (first, until) → the hash of that complete subtree, where leaves are not there


class Wrong(Exception):
    """Not what was signed.   event: which; None: a head, a checkpoint, or the end"""

    def __init__(self, event: int | None, what: str) -> None:
        super().__init__(f"{event}: {what}")
        self.event = event


def merkle_tree_hash(leaves: list[bytes], first: int, until: int, known: Nodes) -> bytes:
    """RFC 9162 §2.1.1, over hashed leaves; subtrees that are known are not looked into."""
    if (first, until) in known:
        return known[first, until]
    n = until - first
    if n == 0:
        return hashlib.sha256().digest()
    if n == 1:
        return leaves[first]
    k = 1
    while k * 2 < n:
        k *= 2
    left = merkle_tree_hash(leaves, first, first + k, known)
    right = merkle_tree_hash(leaves, first + k, until, known)
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_consistent(earlier: int, size: int, first_root: bytes, second_root: bytes, path: list[bytes]) -> bool:
    """RFC 9162 §2.1.4.2, step by step."""
    if earlier == size:
        return not path and first_root == second_root
    path = list(path)
    if earlier & (earlier - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    fn, sn = earlier - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = _node(c, fr), _node(c, sr)
            while not (fn & 1 or fn == 0):
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = _node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == first_root and sr == second_root


def check(octets: bytes) -> int:
    """How many events a bundle holds.   Raises Wrong."""
    *lines, rest = octets.split(b"\n")
    if rest or not lines:
        is_checkpoint = rest.startswith(b'{"checkpoint":')
        raise Wrong(None if is_checkpoint else sum(b'"leaf":"' in line for line in lines), "ends inside of a line")
    head = strict(lines[0], None)
    first, hashes = head.get("first"), head.get("frontier")
    if set(head) != {"bundle", "first", "frontier", "keys", "until"} or head["bundle"] != "filterd-ledger/1":
        raise Wrong(None, "head")
    if type(first) is not int or type(head["until"]) is not int or not isinstance(hashes, list):
        raise Wrong(None, "head")
    known = complete_subtrees(first, hashes)
    leaves: list[bytes] = [b""] * first
    before, signed = "", None
    gone, said_gone = dict[int, int](), dict[int, int]()  # redacted event → the one that says so, twice
    for at, line in enumerate(lines[1:], 1):
        if line.startswith(b'{"checkpoint":'):
            size, root = opened(strict(line, None), head["keys"])
            if size != len(leaves) or merkle_tree_hash(leaves, 0, size, known) != root:
                raise Wrong(None if first and signed is None else signed or 0, f"before the checkpoint in line {at}")
            signed = size
            continue
        number = len(leaves)
        if first and signed is None:
            raise Wrong(number, "no checkpoint before it")
        said = strict(line, number)
        if set(said) == {"event", "leaf", "salt"}:
            event = said["event"]
            leaf = hashlib.sha256(b"\x00" + unhex(said["salt"], 16, number) + canonical(event)).digest()
            if leaf != unhex(said["leaf"], 32, number) or event["number"] != number or event["time"] < before:
                raise Wrong(number, "is another event")
            before = event["time"]
            if event["action"] == "redacted":
                said_gone[event["about"]["event"]] = number
        elif set(said) == {"leaf", "number", "redacted_by"}:
            if said["number"] != number or type(said["redacted_by"]) is not int or said["redacted_by"] <= number:
                raise Wrong(number, "is no redacted event")
            gone[number] = said["redacted_by"]
            leaf = unhex(said["leaf"], 32, number)
        else:
            raise Wrong(number, "is no event")
        leaves.append(leaf)
    if (signed or 0) != len(leaves) or len(leaves) != head["until"]:
        raise Wrong(None, "no checkpoint at the end")
    for number, by in gone.items():
        if said_gone.get(number) != by:
            raise Wrong(number, "redacted by nothing")
    return len(leaves) - first


# ----------------------------------------------------------------------------------------------------------------------


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def canonical(value: Any) -> bytes:
    """RFC 8785 for objects of ASCII keys, texts, whole numbers, truths and nothing."""
    if isinstance(value, dict):
        members = (canonical(key) + b":" + canonical(value[key]) for key in sorted(value))
        return b"{" + b",".join(members) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def strict(line: bytes, event: int | None) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as reason:
        raise Wrong(event, "not JSON") from reason
    if not isinstance(said, dict) or canonical(said) != line:
        raise Wrong(event, "not canonical JSON")
    return said


def unhex(text: Any, n_octets: int, event: int | None) -> bytes:
    if not isinstance(text, str) or len(text) != 2 * n_octets or any(c not in "0123456789abcdef" for c in text):
        raise Wrong(event, "no hash")
    return bytes.fromhex(text)


def complete_subtrees(first: int, hashes: list[Any]) -> Nodes:
    known, at = Nodes(), 0
    for power in reversed(range(first.bit_length())):
        if first >> power & 1:
            if not hashes:
                raise Wrong(None, "a frontier too short")
            known[at, at + (1 << power)] = unhex(hashes[0], 32, None)
            at, hashes = at + (1 << power), hashes[1:]
    if hashes:
        raise Wrong(None, "a frontier too long")
    return known


def opened(said: dict[str, Any], keys: Any) -> tuple[int, bytes]:
    try:
        text, signatures = said["checkpoint"].rsplit("\n\n", 1)
        for signature in signatures.removesuffix("\n").split("\n"):
            dash, name, encoded = signature.split(" ")
            octets = base64.b64decode(encoded, validate=True)
            for key in keys:
                key_name, key_hash, public = key.split("+", 2)
                raw = base64.b64decode(public, validate=True)
                digest = hashlib.sha256(key_name.encode() + b"\n" + raw).digest()[:4]
                is_spelled = base64.b64encode(octets).decode() == encoded and base64.b64encode(raw).decode() == public
                if dash == "—" and is_spelled and name == key_name and digest.hex() == key_hash and raw[0] == 1:
                    if digest != octets[:4] or signatures[-1] != "\n":
                        continue
                    Ed25519PublicKey.from_public_bytes(raw[1:]).verify(octets[4:], text.encode() + b"\n")
                    _, size, root = text.split("\n")
                    return int(size), base64.b64decode(root, validate=True)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError, InvalidSignature) as reason:
        raise Wrong(None, "checkpoint") from reason
    raise Wrong(None, "signed by no known key")
