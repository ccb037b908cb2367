"""`filterd audit checkpoint` and `cosign`: the newest checkpoint of the ledger or of block records.

It may have to continue one that is kept, or be cosigned by a witness on another box.
Source: RFC 9162 §2.1.4; C2SP tlog-witness (add-checkpoint).
"""

import argparse
import base64
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any

from filterd.box.errors import ApiRefusal, MissingPart, WrongUse
from filterd.client.api_client import TIMEOUT_S, call, read_answer, with_query
from mgmt.ledger.tree import is_consistent
from mgmt.ledger.verifier import Checkpoint, open_note, require_witnesses, unhex

TRIES = 3  # another box that shares the ledger may have been faster
MOST_OCTETS = 64 << 10  # of an answer: some lines

LEDGER, BLOCKS = "/v1/audit/checkpoint", "/v1/audit/blocks/checkpoint"


class _OtherSize(Exception):
    """The witness has cosigned a tree of this size last."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def path_of(args: argparse.Namespace) -> str:
    """Where the API has the checkpoint that is asked for."""
    return BLOCKS if args.blocks else LEDGER


def checkpoint(args: argparse.Namespace) -> str:
    """The newest one.   Raises ApiRefusal: it does not continue the one that is kept; MissingPart, WrongUse"""
    if args.continues is None:
        return read_answer(args, path_of(args)).decode()
    try:
        kept = args.continues.read_text(encoding="utf-8")
        old = open_note(kept, args.keys)
    except (OSError, ValueError) as reason:
        raise WrongUse(
            f"--continues {args.continues}: {reason}; nothing printed; name a kept checkpoint, and its key with --key"
        ) from reason
    said = call(args, "GET", with_query(path_of(args), {"earlier": old.size}))
    try:
        new = open_note(said["checkpoint"], args.keys)
        path = [unhex(each.encode()) for each in said["path"]]
    except (KeyError, TypeError, ValueError, AttributeError) as reason:
        raise ApiRefusal(f"{args.api}: the checkpoint {reason}; nothing printed; compare its key") from reason
    _refuse_fork(args, old, new, path)
    return str(said["checkpoint"])


def cosigned_checkpoint(args: argparse.Namespace) -> str:
    """The checkpoint with the lines of the witness.   Raises ApiRefusal, MissingPart, WrongUse"""
    place = path_of(args)
    note = read_answer(args, place).decode()
    old, path = 0, list[str]()
    for _ in range(TRIES):
        try:
            signed = note + _asked(args.witness, old, path, note)
        except _OtherSize as known:
            said = call(args, "GET", with_query(place, {"earlier": known.size}))
            old, note, path = known.size, said["checkpoint"], said["path"]
            continue
        try:
            require_witnesses([signed], [args.key_of_witness])
        except ValueError as reason:
            raise ApiRefusal(f"{args.witness}: its answer {reason}; nothing printed; compare its key") from reason
        return signed
    raise ApiRefusal(
        f"{args.witness}: knows another tree each time; nothing printed; is the ledger restored or forked?"
    )


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
        raise ApiRefusal(
            f"{url}: {said or 'refused'} ({refusal.code}); nothing printed; compare the keys that both have"
        ) from refusal
    except (OSError, HTTPException, UnicodeDecodeError) as reason:
        raise MissingPart(f"{url}: {reason}; nothing done; start the witness, or correct --witness") from reason


def _refuse_fork(args: Any, old: Checkpoint, new: Checkpoint, path: Sequence[bytes]) -> None:
    proven = new.size >= old.size > 0 and is_consistent(old.size, new.size, (old.root, new.root), path)
    if (new.origin != old.origin) or (old.size and not proven):
        raise ApiRefusal(
            f"{args.api}: its {new.size} of {new.origin} do not continue the {old.size} of {old.origin} that are kept: "
            "another history; nothing printed; keep both as evidence"
        )
