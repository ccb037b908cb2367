"""Reads the parts of a UT1 category out of its archive, as the university publishes them: adult/domains, adult/urls.

Invariants: nothing is unpacked onto a disk, and no path of the archive is ever used as one; only plain files count; an
archive of several categories is refused, since a list has one.   Memory: a block, and 1 KiB for each member.
Source: POSIX.1 ustar; UT1, README.
"""

import io
import itertools
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath

from rules.base.errors import BadList

MARK, MARK_AT = b"ustar", 257
MAX_MEMBERS = 1000  # a category has four files
BLOCK_OCTETS = 2**18


def peek(blocks: Iterator[bytes]) -> tuple[bool, Iterator[bytes]]:
    """Whether these blocks are an archive, and all of them once more."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= MARK_AT + len(MARK):
            break
    return head[MARK_AT:].startswith(MARK), itertools.chain([head], blocks)


def iter_parts(blocks: Iterator[bytes], wanted: tuple[str, ...]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The name and the blocks of each part, in the order of the archive; a part has to be read before the next one.

    wanted  the last part of the names that count.   Raises BadList"""
    folder: PurePosixPath | None = None
    stream = io.BufferedReader(_Blocks(blocks), BLOCK_OCTETS)
    with _refusing_damage(), tarfile.open(fileobj=stream, mode="r|") as archive:
        for n, member in enumerate(archive):
            if n == MAX_MEMBERS:
                raise BadList(f"an archive of more than {MAX_MEMBERS} files; not read; take that of one category")
            path = PurePosixPath(member.name)
            if path.name not in wanted or not member.isreg() or member.issparse():
                continue
            if folder not in (None, path.parent):
                raise BadList(f"an archive of several categories ({folder}, {path.parent}); not read; take that of one")
            folder = path.parent
            yield path.name, _blocks_of(archive, member)


def _blocks_of(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    with _refusing_damage():
        file = archive.extractfile(member)
        assert file is not None  # it is a plain file
        yield from iter(partial(file.read, BLOCK_OCTETS), b"")


@contextmanager
def _refusing_damage() -> Iterator[None]:
    try:
        yield
    except tarfile.TarError as exc:
        raise BadList(f"a damaged archive ({exc}); not read; fetch it again") from exc


class _Blocks(io.RawIOBase):
    """Blocks as a file that is read from its beginning to its end."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what io gives it
        if not self._rest:
            self._rest = memoryview(next(filter(None, self._blocks), b""))
        n = min(len(buffer), len(self._rest))
        buffer[:n], self._rest = self._rest[:n], self._rest[n:]
        return n
