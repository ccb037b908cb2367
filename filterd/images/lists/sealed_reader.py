"""Reads a list that is encrypted for this box, in the only process that can: keyed digests and counts leave it.

    sealed_client ─ ReadRequest | Digest; of each file: Part, its octets; end → filterd.images.lists.sealed_reader
    sealed_client ← Answer | DigestAnswer ─────────────────────────────────   (lines of JSON: filterd.process.codec)

    OpenPGP message ─ key ─→ octets, in memory alone ─ format ─→ rules ─ guards ─→ digests under the key of one base

Its standard input is the connection, no matter who started it: systemd for filterd-sealed.socket, or a job of control.
Invariants: what was decrypted is in no file, message or traceback: of a fault its kind alone is said; once it has its
key, the process reads libraries alone and writes nothing, has no network, capability or other process, leaves no core
dump, says nothing on its standard error, and ends with its answer; it answers whom filterd.box.accounts names alone.
Source: RFC 9580 (OpenPGP), by Sequoia, which gives no octet of a message that was altered.
"""

import contextlib
import ctypes
import hashlib
import io
import os
import resource
import socket
import sys
from collections.abc import Iterable, Iterator, Set
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import pysequoia
from msgspec import Struct
from pysequoia.packet import PacketPile, Tag

from filterd.box.accounts import may_ask, name_of, peer_of
from filterd.images.lists.list_reader import (
    COPY_OCTETS,
    LINE_OCTETS,
    MEMORY_OCTETS,
    NO_MEMORY,
    Answer,
    Part,
    ReadRequest,
    refused,
)
from filterd.process.codec import FailureReply, Requests, decode_message, encode_reply
from filterd.process.confinement import confine
from filterd.process.lifecycle import keep_memory_private
from filterd.process.own_account import take_account
from rules.base.errors import BadList
from rules.lists.acceptance import examine_items
from rules.lists.compiler.digests import Digests
from rules.lists.compiler.sealed_digests import ProtectionSpec, digest_items
from rules.lists.reader import MAX_FILE_OCTETS, Item, read_octets
from rules.lists.source import Source

DOOR: Final = "sealed"  # a key of filterd.box.accounts.RULES
KEY: Final = "filterd.sealed.key"  # in the folder of systemd's credentials, or in the one that stands in for it
NO_KEY: Final = f"no key that can decrypt: no credential {KEY} (docs/desk/sealed-lists.md)"
BAD_KEY: Final = (
    f"credential {KEY} is no OpenPGP secret key without a password that can decrypt (docs/desk/sealed-lists.md)"
)
NOT_OURS: Final = "it is not encrypted for the key of this box, or was altered"
NO_LIST: Final = "what is encrypted is no list of this format"
TOO_LARGE: Final = f"it holds more than {MAX_FILE_OCTETS >> 20} MiB"
MCL_CURRENT, MCL_FUTURE = 1, 2  # mlockall(2)


class Digest(Struct, frozen=True, tag_field="op", tag="digest"):
    """Make digests of the files that follow under the key of an image, one for each source; the last is a
    ProtectionSpec."""

    sources: list[Source]
    key: bytes


class DigestAnswer(Struct, forbid_unknown_fields=True):
    """What the reader says.   digests  up to the first file that is bad;   bad, failed, missing  as Answer has them"""

    digests: list[Digests] = []
    bad: str = ""
    failed: str = ""
    missing: list[str] = []


SEALED_REQUESTS = Requests((ReadRequest, Digest))


def main() -> None:
    """The reader."""
    take_account()
    keep_memory_private()
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as connection, connection.makefile("rb") as stream:
        uid = peer_of(connection)
        allowed = {op for op in SEALED_REQUESTS.ops if may_ask(DOOR, op, uid)}  # the confinement hides the accounts
        who, key = name_of(uid), key_of_box()
        _be_silent()
        missing = [*_memory_locked(), *confine([], [], memory_octets=MEMORY_OCTETS)]
        reply = _replied(stream, key, allowed, who)
        if not isinstance(reply, FailureReply):
            reply.missing = missing
        with contextlib.suppress(ConnectionError):  # the one who asked has gone
            connection.sendall(encode_reply(reply))


def key_of_box() -> bytes:
    """The key of this box, an OpenPGP key without a password; nothing: none exists."""
    try:
        return (Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / KEY).read_bytes()
    except OSError:
        return b""


def answer_of(message: bytes, source: Source, key: bytes) -> Answer:
    """Read the list here; what the reader says of it.   key  of the box"""
    try:
        hash_of = partial(_keyed_hash, hashlib.sha256(b"sketch" + key).digest())
        found = examine_items(_items(message, source, key), hash_of)
    except BadList as reason:
        return Answer(bad=str(reason))
    except MemoryError:
        return Answer(failed=NO_MEMORY)
    except Exception as reason:  # the edge: of any fault its kind alone is said
        return Answer(failed=f"its reader failed ({type(reason).__name__})")
    return Answer(found.n_rules, found.skipped, list(found.sketch))


def digested(
    messages: Iterable[tuple[bytes, Source]], guarded: ProtectionSpec, key: bytes, image_key: bytes
) -> DigestAnswer:
    """Make the digests here.   key  of the box;   image_key  of the base that they are for"""
    done = DigestAnswer()
    try:
        for message, source in messages:
            done.digests.append(digest_items(_items(message, source, key), source, image_key, guarded))
    except BadList as reason:
        done.bad = str(reason)
    except MemoryError:
        done.failed = NO_MEMORY
    except Exception as reason:  # the edge, as above
        done.failed = f"its reader failed ({type(reason).__name__})"
    return done


def _items(message: bytes, source: Source, key: bytes) -> Iterator[Item]:
    """What a list says.   Raises BadList, in words that hold nothing of it."""
    octets = _decrypted(message, key)
    try:
        yield from read_octets(source, io.BytesIO(octets))
    except BadList:
        raise BadList(NO_LIST) from None


def _decrypted(message: bytes, key: bytes) -> bytes:
    """Raises BadList

    Sequoia gives what a message holds that is signed or stored, and not encrypted, too (RFC 9580 §10.3)."""
    try:
        is_encrypted = any(packet.tag == Tag.SEIP for packet in PacketPile.from_bytes(message))
        octets = pysequoia.decrypt(message, _decryptor(key)).bytes
    except Exception:  # Sequoia has one kind for all that may be wrong
        raise BadList(NOT_OURS) from None
    if not is_encrypted:
        raise BadList(NOT_OURS)
    if octets is None or len(octets) > MAX_FILE_OCTETS:
        raise BadList(TOO_LARGE)
    return bytes(octets)


def _decryptor(key: bytes) -> pysequoia.PyDecryptor:
    return pysequoia.Tsk.from_bytes(key).decryptor()


def _why_no_key(key: bytes) -> str:
    """What is wrong with the key of this box; nothing where it can decrypt."""
    if not key:
        return NO_KEY
    try:
        _decryptor(key)
    except Exception:  # Sequoia, as above
        return BAD_KEY
    return ""


def _keyed_hash(key: bytes, octets: bytes) -> int:
    """Of a sketch, which stays on the disk: without the key no one can try names by it."""
    return int.from_bytes(hashlib.blake2b(octets, digest_size=8, key=key).digest(), "little")


def _memory_locked() -> Iterable[str]:
    """Keep what is decrypted out of the swap; what could not be done."""
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] != resource.RLIM_INFINITY:
        return ["locked memory (no right to lock it all)"]
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    library = ctypes.CDLL(None, use_errno=True)
    if library.mlockall(MCL_CURRENT | MCL_FUTURE) != 0:
        return [f"locked memory ({os.strerror(ctypes.get_errno())})"]
    return []


def _be_silent() -> None:
    """No library's warning and no traceback has a way out."""
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)


def _replied(stream: BinaryIO, key: bytes, allowed: Set[str], who: str) -> Answer | DigestAnswer | FailureReply:
    if not allowed:
        return refused(who, "read")
    if why := _why_no_key(key):
        return FailureReply(why)
    try:
        asked: ReadRequest | Digest = SEALED_REQUESTS.decode(stream.readline(LINE_OCTETS))
        files = list(_received(stream))
        if isinstance(asked, ReadRequest):
            return answer_of(files[0], asked.source, key)
        *messages, last = files
        guarded = msgspec.json.decode(last, type=ProtectionSpec)
        named = list(zip(messages, asked.sources, strict=True))
    except (ValueError, IndexError) as reason:
        return FailureReply(f"request: {type(reason).__name__}; nothing done; send one request and its files")
    return digested(named, guarded, key, asked.key)


def _received(stream: BinaryIO) -> Iterator[bytes]:
    """The files that came, in memory.   Raises ValueError: not all of one came, or it is too long."""
    while line := stream.readline(LINE_OCTETS):
        part = msgspec.convert(decode_message(line), Part)
        if part.octets > MAX_FILE_OCTETS:
            raise ValueError
        octets = bytearray()
        while len(octets) < part.octets and (more := stream.read(min(part.octets - len(octets), COPY_OCTETS))):
            octets += more
        if len(octets) < part.octets:
            raise ValueError
        yield bytes(octets)


if __name__ == "__main__":
    main()
