"""Looks for a planted name wherever a box may keep it: in each file below a folder, and in the memory of processes."""

import base64
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from fastpath.wire.name import to_wire

READ_OCTETS = 1 << 24


def forms_of(name: str) -> list[bytes]:
    """A name as text of several encodings, and as DNS has it; in hex, too."""
    first = name.partition(".")[0].encode()
    wire = to_wire(name.encode())
    forms = [
        first,
        first.upper(),
        first[::-1],
        first.decode().encode("utf-16-le"),
        wire.hex().encode(),
        first.hex().encode(),
    ]
    # of base64, the part that does not depend on what stands before it
    return [*forms, *(base64.b64encode(bytes(shift) + first)[4:-4] for shift in range(3))]


def places_of(name: str, folders: Iterable[Path], pids: Iterable[int]) -> list[str]:
    """Where a name is found: files, also by their own names, and processes."""
    pattern = re.compile(b"|".join(map(re.escape, forms_of(name))))
    found = [str(path) for folder in folders for path in _files_in(folder) if _is_in(path, pattern)]
    return found + [f"memory of {_command(pid)}" for pid in pids if _is_in_memory(pid, pattern)]


def processes_of(pid: int) -> list[int]:
    """A process and all that it has started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += processes_of(int(child))
    return found


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _is_in(path: Path, pattern: re.Pattern[bytes]) -> bool:
    return pattern.search(os.fsencode(path.name)) is not None or pattern.search(path.read_bytes()) is not None


def _is_in_memory(pid: int, pattern: re.Pattern[bytes]) -> bool:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        return any(pattern.search(octets) for octets in _regions(pid, memory.fileno()))


def _regions(pid: int, memory: int) -> Iterator[bytes]:
    """What a process has written or could: all readable memory that is not a file's alone."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights, *_ = line.split()
        if not rights.startswith("r") or line.endswith(("[vvar]", "[vvar_vclock]", "[vsyscall]")):
            continue
        at, end = (int(each, 16) for each in span.split("-"))
        while at < end:
            try:
                octets = os.pread(memory, min(READ_OCTETS, end - at), at)
            except OSError:  # a page that its file does not have
                break
            if not octets:
                break
            yield octets
            at += len(octets)


def _command(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return " ".join(word.decode(errors="replace") for word in words if word)[-60:]
