"""`filterd audit cosign`: the newest checkpoint of the ledger, cosigned by a witness on another box.

Source: C2SP tlog-witness (add-checkpoint).
"""

import argparse
import base64
import urllib.error
import urllib.request
from collections.abc import Sequence

from filterd.errors import Missing, Refused, WrongUse
from filterd.lookup.api_client import TIMEOUT_S, call, open_answer
from mgmt.ledger.verifier import require_witnesses

TRIES = 3  # another box that shares the ledger may have been faster
MOST_OCTETS = 64 << 10  # of an answer: some lines


class _OtherSize(Exception):
    """The witness has cosigned a tree of this size last."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def cosigned_checkpoint(args: argparse.Namespace) -> str:
    """The checkpoint with the lines of the witness.   Raises Refused, Missing, WrongUse"""
    with open_answer(args, "GET", "/v1/audit/checkpoint") as answer:
        note = answer.read().decode()
    old, path = 0, list[str]()
    for _ in range(TRIES):
        try:
            signed = note + _asked(args.witness, old, path, note)
        except _OtherSize as known:
            said = call(args, "GET", f"/v1/audit/checkpoint?earlier={known.size}")
            old, note, path = known.size, said["checkpoint"], said["path"]
            continue
        try:
            require_witnesses([signed], [args.key_of_witness])
        except ValueError as reason:
            raise Refused(f"{args.witness}: its answer {reason}; nothing printed; compare its key") from reason
        return signed
    raise Refused(f"{args.witness}: knows another tree each time; nothing printed; is the ledger restored or forked?")


def _asked(url: str, old: int, path: Sequence[str], note: str) -> str:
    """The lines of signatures that a witness answers.   path  hashes in hexadecimal digits;   Raises _OtherSize"""
    if not url.startswith(("http://", "https://")):
        raise WrongUse(f"--witness {url!r}: no URL; nothing done; write http://ADDRESS:PORT or https://NAME")
    proof = "".join(base64.b64encode(bytes.fromhex(each)).decode() + "\n" for each in path)
    body = f"old {old}\n{proof}\n{note}".encode()
    request = urllib.request.Request(url.rstrip("/") + "/add-checkpoint", body, {"Content-Type": "text/plain"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            lines: str = answer.read(MOST_OCTETS).decode()
            return lines
    except urllib.error.HTTPError as refusal:
        with refusal:
            said = refusal.read(MOST_OCTETS).decode("utf-8", "replace").strip()
        if refusal.code == 409 and said.isascii() and said.isdigit() and int(said) != old:
            raise _OtherSize(int(said)) from refusal
        raise Refused(
            f"{url}: {said or 'refused'} ({refusal.code}); nothing printed; compare the keys that both have"
        ) from refusal
    except (OSError, UnicodeDecodeError) as reason:
        raise Missing(f"{url}: {reason}; nothing done; start the witness, or correct --witness") from reason
