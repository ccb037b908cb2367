"""Reads one list in a process of its own that can do nothing else, and says what it holds.

    take ─ the source, how to read it → `python -m filterd.lists.list_reader` ─ counts, reasons, sketch (JSON) → take

What strangers wrote is parsed here and nowhere else before it is judged.  Run by root, the reader has the account
`filterd-reader`, where there is one; else it has its parent's, and Landlock is what keeps other files from it.
Invariants: the reader reads its list and Python's libraries, writes into a folder of its own, has no network, no
capability and no more memory than MEMORY_OCTETS; its answer is data of a bounded length, checked like any other.
"""

import contextlib
import os
import pickle
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from filterd.process.confinement import confine
from rules.errors import BadList
from rules.lists.acceptance import SKETCH, Examined, examine
from rules.lists.source import Source, describe_source

ACCOUNT = "filterd-reader"
MEMORY_OCTETS = 2**30  # of address space; ten million lines take a tenth of it
ANSWER_OCTETS = 2**20
NO_MEMORY = "reading it takes more memory than there is"


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    """What the reader says.   bad: why it is no list;   failed: how the reader itself did not get to the end"""

    n_rules: int = 0
    skipped: dict[str, int] = {}
    sketch: list[int] = []
    bad: str = ""
    failed: str = ""
    missing: list[str] = []  # measures of the confinement that this system does not have


class ReaderFailed(Exception):
    """The reader did not get to the end of the list; the message says how it ended."""


def read_apart(copy: Path, source: Source) -> Examined:
    """What rules.lists.acceptance.examine() finds, in a process of its own.   Raises BadList, ReaderFailed.

    Cost: a start of Python, 0.1 s of a core, beside the reading."""
    answer = ask_reader(copy, source)
    if answer.bad:
        raise BadList(answer.bad)
    if answer.failed:
        raise ReaderFailed(answer.failed)
    if answer.n_rules < 0 or len(answer.sketch) > SKETCH:
        raise ReaderFailed("its reader gave no counts")
    return Examined(answer.n_rules, answer.skipped, tuple(answer.sketch))


def ask_reader(copy: Path, source: Source) -> Answer:
    """Run the reader; its answer, or how it ended."""
    with _own_folder(copy) as (folder, readable, account):
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "filterd.lists.list_reader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env={"TMPDIR": str(folder), "PYTHONSAFEPATH": "1", "PATH": os.defpath},
            user=account,
            group=account if account is None else pwd.getpwuid(account).pw_gid,
            extra_groups=None if account is None else [],
        )
        assert process.stdin is not None and process.stdout is not None
        with process:
            try:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(pickle.dumps((readable, folder, source)))
                    process.stdin.close()
                said = process.stdout.read(ANSWER_OCTETS)
            finally:
                process.kill()  # it has answered, or says more than an answer can be
        try:
            return msgspec.json.decode(said, type=Answer)
        except msgspec.DecodeError:
            return Answer(failed=f"its reader ended without an answer ({process.returncode})")


def measures_missing() -> list[str]:
    """The measures of the readers' confinement that this system does not have."""
    with tempfile.NamedTemporaryFile() as file:
        return ask_reader(Path(file.name), describe_source("probe", None, {})).missing


@contextlib.contextmanager
def _own_folder(copy: Path) -> Iterator[tuple[Path, Path, int | None]]:
    """A folder that the reader may write in, where the list is for it, and the account that it gets."""
    with tempfile.TemporaryDirectory(prefix="filterd-reader-") as name:
        folder, account = Path(name), _account()
        if account is None:
            yield folder, copy, None
            return
        own = folder / copy.name
        shutil.copytree(copy, own) if copy.is_dir() else shutil.copyfile(copy, own)
        for path in (folder, own, *(own.iterdir() if own.is_dir() else ())):
            os.chown(path, account, -1)
        yield folder, own, account


def _account() -> int | None:
    """The account of readers; None: there is none, or we may not give it."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT).pw_uid
    except KeyError:
        return None


def main() -> None:
    """The reader: its parent's order from stdin, its answer to stdout."""
    copy, folder, source = pickle.load(sys.stdin.buffer)
    missing = confine([copy], [folder], memory_octets=MEMORY_OCTETS)
    answer = answer_of(copy, source)
    answer.missing = missing
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    sys.stdout.buffer.flush()


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


if __name__ == "__main__":
    main()
