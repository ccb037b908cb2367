"""Has one list read by a process that can do nothing else: a reader of filterd-reader.socket, or else a child of ours.

    take → read_apart ─┬─ the socket is there: systemd starts a reader, with the account filterd-reader and no network
                       └─ it is not: a child, with that account where we are root, else with ours

Both are the same program and are asked the same: filterd.images.lists.list_reader.  The reader of sealed lists is had
in the same way: filterd.images.lists.sealed_client.
Invariants: an answer is data of a bounded length, checked like any other; where the socket is there and no one listens,
the list waits, and no weaker reader takes its place.
"""

import contextlib
import os
import pwd
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from filterd.box.accounts import ACCOUNTS
from filterd.images.lists.list_reader import DOOR, LINE_OCTETS, Answer, Part, ReadRequest
from filterd.process.codec import ERROR_CHARACTERS, FailureReply, decode_reply, encode_request
from filterd.process.json_socket import require_role
from filterd.process.own_account import environment_of
from rules.base.errors import BadList
from rules.lists.acceptance import SKETCH, VersionFigures
from rules.lists.source import Source, describe_source

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Program:
    """A program that reads.   role  of filterd.box.accounts;   module  of it;   environment  of a child"""

    role: str = DOOR
    module: str = "filterd.images.lists.list_reader"
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What its units are called."""
        return f"filterd-{self.role}"


LISTS = Program()


class ReaderFailure(Exception):
    """The reader did not get to the end of the list; the message says how it ended."""


def read_apart(copy: Path, source: Source, door: Path) -> VersionFigures:
    """What rules.lists.acceptance.examine() finds, in a process of its own.   door:
    filterd.box.places.reader_socket()

    Raises BadList; ReaderFailure; OSError: none is there, or has not begun, and the list waits.
    Cost: a start of Python, 0.1 s of a core, and a copy of the list, in addition to the reading."""
    return examined_in(ask_reader(copy, source, door))


def examined_in(answer: Answer) -> VersionFigures:
    """What a reader has found.   Raises BadList, ReaderFailure."""
    if answer.bad:
        raise BadList(answer.bad)
    if answer.failed:
        raise ReaderFailure(answer.failed)
    if min((answer.n_rules, *answer.skipped.values())) < 0 or len(answer.sketch) > SKETCH:
        raise ReaderFailure("its reader gave no counts")
    return VersionFigures(answer.n_rules, answer.skipped, tuple(answer.sketch))


def measures_missing(door: Path) -> list[str]:
    """The measures of the readers' confinement that this system does not have.   Raises OSError."""
    with tempfile.NamedTemporaryFile() as file:
        answer = ask_reader(Path(file.name), describe_source("probe", None, {}), door)
    if answer.failed:
        raise OSError(f"a reader was tried, and {answer.failed}")
    return answer.missing


def ask_reader(copy: Path, source: Source, door: Path) -> Answer:
    """Have a reader read; its answer, or how it ended.   Raises OSError."""
    is_folder = copy.is_dir()
    paths = sorted(filter(Path.is_file, copy.iterdir())) if is_folder else [copy]
    request = ReadRequest(replace(source, path=None), is_folder)
    with reader_at(door) as (connection, how_it_ended):
        answer = asked_of(connection, request, paths, Answer)
    return answer or Answer(failed=f"its reader ended without an answer{how_it_ended()}")


@contextlib.contextmanager
def reader_at(door: Path, program: Program = LISTS) -> Iterator[tuple[socket.socket, Callable[[], str]]]:
    """A reader, and what says how it ended once it has.   Raises OSError: none is there."""
    if door.exists():
        with _connected(door, program) as connection:
            yield connection, lambda: f"; see journalctl -u '{program.unit}@*'"
        return
    with _child(program) as (process, connection):
        yield connection, lambda: f" ({_ended(process)})"


def _connected(door: Path, program: Program) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(door))
        require_role(program.role, connection)
    except OSError as reason:
        connection.close()
        raise OSError(
            f"{door}: no reader ({reason.strerror or reason}); its version waits; look at {program.unit}.socket"
        ) from reason
    return connection


def _ended(process: "subprocess.Popen[bytes]") -> int:
    """How a reader ended, which says nothing that is an answer."""
    process.kill()
    return process.wait()


@contextlib.contextmanager
def _child(program: Program) -> Iterator[tuple["subprocess.Popen[bytes]", socket.socket]]:
    """A reader of our own; ended with the block."""
    ours, theirs = socket.socketpair()
    with ours, theirs, tempfile.TemporaryDirectory(prefix="filterd-reader-") as folder:
        account = _account(ACCOUNTS[program.role][0])
        if account is not None:
            os.chown(folder, account, -1)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", program.module],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            cwd=folder,
            env={"TMPDIR": folder, "PYTHONSAFEPATH": "1", "PATH": os.defpath, **program.environment}
            | environment_of(account),
        )
        theirs.close()  # so that its end is seen here
        with process:
            try:
                yield process, ours
            finally:
                process.kill()  # it has answered, or says more than an answer can be


def _account(name: str) -> int | None:
    """The account of a reader; None: none exists, or we may not give it."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def asked_of(
    connection: socket.socket,
    request: Struct,
    paths: Iterable[Path],
    kind: type[T],
    at_most: int = LINE_OCTETS,
) -> T | None:
    """The answer to a request with files; None: none came.   at_most: octets of it

    Raises OSError: the reader has not begun."""
    with contextlib.suppress(ConnectionError):  # it may have answered all the same
        _send(connection, request, paths)
    try:
        with connection.makefile("rb") as stream:
            reply = decode_reply(stream.readline(at_most), kind)
    except (ConnectionError, ValueError):
        return None
    if isinstance(reply, FailureReply):
        raise OSError(f"its reader has read nothing ({reply.reason:.{ERROR_CHARACTERS}}); its version waits")
    return reply


def _send(connection: socket.socket, request: Struct, paths: Iterable[Path]) -> None:
    connection.sendall(encode_request(request))
    for path in paths:
        with path.open("rb") as file:
            octets = os.fstat(file.fileno()).st_size
            connection.sendall(encode_request(Part(path.name, octets)))
            if octets:
                connection.sendfile(file, count=octets)
    connection.shutdown(socket.SHUT_WR)
