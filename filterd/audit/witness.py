"""A witness: cosigns the checkpoints of logs that it knows, on another box than theirs.

Invariants: of one log it never cosigns two trees of which one does not continue the other, nor an older one after a
newer one, also after it was killed: what it cosigns is in a file of its own before it answers, and one request is
looked at after the other.  It keeps nothing but the last checkpoint of each log.
Source: C2SP tlog-witness (add-checkpoint) and tlog-cosignature.
"""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from filterd.audit.last_checkpoint import LastCheckpoint
from mgmt.ledger.checkpoint import Cosigner
from mgmt.ledger.tree import is_consistent
from mgmt.ledger.verifier import Checkpoint, open_note, read_key

MOST_OCTETS = 64 << 10  # of a request: 63 hashes, and a checkpoint with some hundred signatures
MOST_HASHES = 63  # of a consistency proof
PATH = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"


class Answer(NamedTuple):
    """What a request gets."""

    status: int
    text: str
    content_type: str = "text/plain"


class _Request(NamedTuple):
    """old  size of the tree that the proof begins with;   origin  of the log, as its note says"""

    old: int
    path: list[bytes]
    note: str
    origin: str


class Witness:
    """What it has cosigned, and its key."""

    def __init__(self, folder: Path, cosigner: Cosigner, vkeys: Sequence[str]) -> None:
        """folder: of its state;   vkeys: of the logs.   Raises ValueError"""
        self._folder, self._cosigner = folder, cosigner
        self._keys: dict[str, list[str]] = {}
        for vkey in vkeys:
            self._keys.setdefault(read_key(vkey)[0], []).append(vkey)

    def add(self, body: bytes, time_s: int) -> Answer:
        """The cosignature of a checkpoint, or why none exists.   Raises OSError: nothing was cosigned

        One call at a time."""
        try:
            said = _parsed(body)
        except ValueError as reason:
            return Answer(400, f"request: {reason}; not cosigned; send what c2sp.org/tlog-witness says\n")
        if said.origin not in self._keys:
            return Answer(404, f"{said.origin}: this log is unknown; not cosigned; start the witness with its key\n")
        try:
            new = open_note(said.note, self._keys[said.origin])
        except ValueError as reason:
            return Answer(403, f"{said.origin}: the checkpoint {reason}; not cosigned\n")
        if said.old > new.size:
            return Answer(
                400, f"{said.origin}: {said.old} is more than the {new.size} of the checkpoint; not cosigned\n"
            )
        last = LastCheckpoint(self._folder / hashlib.sha256(said.origin.encode()).hexdigest())
        note = last.read()
        try:
            old = Checkpoint(said.origin, 0, b"") if note is None else open_note(note, self._keys[said.origin])
        except ValueError:  # its log has another key now: give both, or its name a new one
            return Answer(403, f"{said.origin}: its last checkpoint is of another key; not cosigned; know both keys\n")
        if old.size != said.old or (old.size == new.size > 0 and old.root != new.root):
            return Answer(409, f"{old.size}\n", SIZE_TYPE)
        if not _continues(old, new, said.path):
            return Answer(
                422, f"{said.origin}: the {new.size} do not continue the {old.size} that are known; not cosigned\n"
            )
        last.write(said.note)
        return Answer(200, self._cosigner.cosign(said.note, time_s))


def app_of(witness: Witness, clock: Callable[[], float]) -> web.Application:
    """The witness over HTTP."""
    lock = asyncio.Lock()

    async def add(request: web.Request) -> web.Response:
        body = await request.read()
        async with lock:
            answer = await asyncio.to_thread(witness.add, body, int(clock()))
        return web.Response(status=answer.status, text=answer.text, content_type=answer.content_type)

    app = web.Application(client_max_size=MOST_OCTETS)
    app.router.add_post(PATH, add)
    return app


# ----------------------------------------------------------------------------------------------------------------------


def _parsed(body: bytes) -> _Request:
    """Raises ValueError."""
    first, gap, note = body.decode().partition("\n\n")
    old, *hashes = first.split("\n")
    size = old.removeprefix("old ")
    if not gap or old == size or not (size.isascii() and size.isdigit() and str(int(size)) == size):
        raise ValueError("it does not begin with an old size, a proof and an empty line")
    if len(hashes) > MOST_HASHES:
        raise ValueError(f"a proof of {len(hashes)} hashes")
    try:
        path = [base64.b64decode(each, validate=True) for each in hashes]
    except binascii.Error as reason:
        raise ValueError("a hash is not base 64") from reason
    if any(len(each) != hashlib.sha256().digest_size for each in path):
        raise ValueError("a hash is of another length")
    return _Request(int(size), path, note, note.partition("\n")[0])


def _continues(old: Checkpoint, new: Checkpoint, path: list[bytes]) -> bool:
    if old.size == 0:
        return not path and (new.size > 0 or new.root == hashlib.sha256(b"").digest())
    return is_consistent(old.size, new.size, (old.root, new.root), path)
