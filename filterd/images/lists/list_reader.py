"""Reads one list in a process that can do nothing else, and says what it holds.

    reader_client ─ ReadRequest; of each file: Part, its octets; end → python -m filterd.images.lists.list_reader
    reader_client ← Answer: counts, reasons, sketch ─────────   (lines of JSON: filterd.process.codec)
    letter_client ─ ReadLetter; Part, its octets; end → the same;  ← LetterContent: its rows

Its standard input is the connection, no matter who started it: systemd for filterd-reader.socket, with an account that
owns nothing, without network; or the job that takes a list.  What strangers wrote is parsed here and nowhere else
before it is judged.
Invariants: the reader gets octets and no path; it reads Python's libraries, writes into its temporary folder, has no
network, no capability and no more memory than MEMORY_OCTETS; it answers whom filterd.box.accounts names alone.
"""

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Set
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from filterd.box.accounts import may_ask, name_of, peer_of
from filterd.process.codec import FailureReply, Requests, decode_message, encode_reply
from filterd.process.confinement import confine
from filterd.process.own_account import take_account
from mgmt.orders.base.sealed import why_sealed
from rules.base.errors import BadList
from rules.lists.acceptance import examine
from rules.lists.letter import Row, read_letter
from rules.lists.source import Source

DOOR: Final = "reader"  # a key of filterd.box.accounts.RULES
MEMORY_OCTETS: Final = 2**30  # of address space; ten million lines take a tenth of it
LINE_OCTETS: Final = 2**20
COPY_OCTETS: Final = 2**18
NO_MEMORY: Final = "reading it takes more memory than there is"


class ReadRequest(Struct, frozen=True, tag_field="op", tag="read"):
    """Read the files that follow as `source` says.   folder: they are the parts of one"""

    source: Source
    folder: bool = False


class ReadLetter(Struct, frozen=True, tag_field="op", tag="read_letter"):
    """Read the file that follows as the table of a letter.   encoding  of rules.lists.letter; None: found"""

    encoding: str | None = None


class RequestKind(Struct, frozen=True):
    """Which of both is asked, before the rest is looked at."""

    op: str


class Part(Struct, frozen=True):
    """A file, whose octets follow this line."""

    name: str
    octets: int


class Answer(Struct, forbid_unknown_fields=True):
    """What the reader says.   bad: why it is no list;   failed: how the reader itself did not get to the end"""

    n_rules: int = 0
    skipped: dict[str, int] = {}
    sketch: list[int] = []
    bad: str = ""
    failed: str = ""
    missing: list[str] = []  # measures of the confinement that this system does not have


class LetterContent(Struct, forbid_unknown_fields=True):
    """What the reader says of a letter.   bad: why it is not a letter;   failed, missing  as Answer has them"""

    encoding: str = ""
    rows: list[Row] = []
    bad: str = ""
    failed: str = ""
    missing: list[str] = []


# Another reply is FailureReply: nothing was read, and nothing is known of the list.
READER_REQUESTS = Requests((ReadRequest, ReadLetter))


def main() -> None:
    """The reader."""
    take_account()
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as connection, connection.makefile("rb") as stream:
        uid, folder = peer_of(connection), Path(tempfile.gettempdir())
        allowed = {op for op in READER_REQUESTS.ops if may_ask(DOOR, op, uid)}  # the confinement hides the accounts
        who = name_of(uid)
        missing = confine([], [folder], memory_octets=MEMORY_OCTETS)
        reply = _replied(stream, folder, allowed, who)
        if not isinstance(reply, FailureReply):
            reply.missing = missing
        with contextlib.suppress(ConnectionError):  # the one who asked has gone
            connection.sendall(encode_reply(reply))


def answer_of(copy: Path, source: Source) -> Answer:
    """Read the list here; what the reader says of it."""
    try:
        found = examine(copy, source)
    except BadList as reason:
        return Answer(bad=str(reason))
    except MemoryError:
        return Answer(failed=NO_MEMORY)
    except Exception as reason:  # the edge: no matter what is wrong with a reader, its list is refused and no other
        return Answer(failed=f"its reader failed ({type(reason).__name__})")
    return Answer(found.n_rules, found.skipped, list(found.sketch))


def letter_read(file: Path, encoding: str | None) -> LetterContent:
    """Read the letter here; what the reader says of it."""
    try:
        found = read_letter(file.read_bytes(), encoding, why_sealed)
    except BadList as reason:
        return LetterContent(bad=str(reason))
    except MemoryError:
        return LetterContent(failed=NO_MEMORY)
    except Exception as reason:  # the edge: what is wrong with the reader is said of this file alone
        return LetterContent(failed=f"its reader failed ({type(reason).__name__})")
    return LetterContent(found.encoding, found.rows)


def refused(who: str, op: str) -> FailureReply:
    """What an account reads that may not ask."""
    return FailureReply(
        f"reader of lists: account {who} may not ask {op}; nothing done; docs/internals/roles.md says who may"
    )


def _replied(stream: BinaryIO, folder: Path, allowed: Set[str], who: str) -> Answer | LetterContent | FailureReply:
    if not allowed:
        return refused(who, "read")
    try:
        line = stream.readline(LINE_OCTETS)
        op = msgspec.json.decode(line, type=RequestKind).op
        if op not in allowed:
            return refused(who, op)
        asked: ReadRequest | ReadLetter = READER_REQUESTS.decode(line)
        copy = folder / "list"
        copy.mkdir()
        names = _received(stream, copy)
    except ValueError as reason:
        return FailureReply(str(reason))
    except OSError as reason:
        return FailureReply(f"no copy in {folder} ({reason.strerror})")
    if isinstance(asked, ReadLetter):
        return letter_read(copy / names[0], asked.encoding)
    return answer_of(copy if asked.folder else copy / names[0], asked.source)


def _received(stream: BinaryIO, folder: Path) -> list[str]:
    """The names of the files that came, and now lie in `folder`.   Raises ValueError: not all came;  OSError."""
    names = []
    while line := stream.readline(LINE_OCTETS):
        part = msgspec.convert(decode_message(line), Part)
        names.append(Path(part.name).name)
        with (folder / names[-1]).open("wb") as file:
            left = part.octets
            while left and (octets := stream.read(min(left, COPY_OCTETS))):
                left -= file.write(octets)
        if left:
            raise ValueError("the connection ended in a file; not read; ask again")
    if not names:
        raise ValueError("no file came; nothing read; send one at least")
    return names


if __name__ == "__main__":
    main()
