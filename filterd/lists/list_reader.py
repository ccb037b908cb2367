"""Reads one list in a process that can do nothing else, and says what it holds.

    reader_client ─ Read; of each file: Part, its octets; end → python -m filterd.lists.list_reader
    reader_client ← Answer: counts, reasons, sketch ─────────   (lines of JSON: filterd.process.codec)

Its standard input is the connection, whoever started it: systemd for filterd-reader.socket, with an account that owns
nothing, without network; or the job that takes a list.  What strangers wrote is parsed here and nowhere else before it
is judged.
Invariants: the reader gets octets and no path; it reads Python's libraries, writes into its temporary folder, has no
network, no capability and no more memory than MEMORY_OCTETS; it answers control alone.
"""

import contextlib
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from filterd.accounts import may_ask, name_of, peer_of
from filterd.process.codec import Failed, Requests, decode_message, encode_reply
from filterd.process.confinement import confine
from rules.errors import BadList
from rules.lists.acceptance import examine
from rules.lists.source import Source

DOOR: Final = "reader"  # a key of filterd.accounts.RULES
MEMORY_OCTETS: Final = 2**30  # of address space; ten million lines take a tenth of it
LINE_OCTETS: Final = 2**20
COPY_OCTETS: Final = 2**18
NO_MEMORY: Final = "reading it takes more memory than there is"


class Read(Struct, frozen=True, tag_field="op", tag="read"):
    """Read the files that follow as `source` says.   folder: they are the parts of one"""

    source: Source
    folder: bool = False


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


# Another reply is Failed: nothing was read, and nothing is known of the list.
READER_REQUESTS = Requests((Read,))


def main() -> None:
    """The reader."""
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as connection, connection.makefile("rb") as stream:
        uid, folder = peer_of(connection), Path(tempfile.gettempdir())
        is_allowed = may_ask(DOOR, "read", uid)  # before the confinement, which hides the accounts
        who = name_of(uid)
        missing = confine([], [folder], memory_octets=MEMORY_OCTETS)
        reply = _replied(stream, folder) if is_allowed else _refused(who)
        if isinstance(reply, Answer):
            reply.missing = missing
        with contextlib.suppress(ConnectionError):  # whoever asked has gone
            connection.sendall(encode_reply(reply))


def answer_of(copy: Path, source: Source) -> Answer:
    """Read the list here; what the reader says of it."""
    try:
        found = examine(copy, source)
    except BadList as reason:
        return Answer(bad=str(reason))
    except MemoryError:
        return Answer(failed=NO_MEMORY)
    except Exception as reason:  # the edge: whatever is wrong with a reader, its list is refused and no other
        return Answer(failed=f"its reader failed ({type(reason).__name__})")
    return Answer(found.n_rules, found.skipped, list(found.sketch))


def _refused(who: str) -> Failed:
    return Failed(f"reader of lists: account {who} may not ask read; nothing done; docs/roles.md says who may")


def _replied(stream: BinaryIO, folder: Path) -> Answer | Failed:
    try:
        order: Read = READER_REQUESTS.decode(stream.readline(LINE_OCTETS))
        copy = folder / "list"
        copy.mkdir()
        names = _received(stream, copy)
    except ValueError as reason:
        return Failed(str(reason))
    except OSError as reason:
        return Failed(f"no copy in {folder} ({reason.strerror})")
    return answer_of(copy if order.folder else copy / names[0], order.source)


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
