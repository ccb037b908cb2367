"""A source's octets become its rules: files are opened, inflated, decoded, and given to their format.

    text in UTF-8 or UTF-16, also as .gz or .xz (known by its first octets)
    a workbook, as it is
    an archive of one category of UT1 (tar, known by its first octets)
    a folder: of UT1 (domains, urls), of a MISP feed (manifest.json and the events that it names)

Invariants: no more than MAX_FILE_OCTETS are read, compressed or inflated; no line of more than MAX_RAW_LINE_OCTETS is
ever held, so that memory is bounded regardless of the file; what ends in the middle of its compression is a BadList.
"""

import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rules.base.errors import BadList
from rules.base.lines import UTF16_MARKS
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.formats import BLOCK_FORMATS, FILE_FORMATS, FORMATS, TABLE_FORMATS
from rules.formats.misp import MANIFEST, read_manifest
from rules.lists.archive import iter_parts, peek
from rules.lists.source import Source

MAX_FILE_OCTETS = 256 * 2**20  # 5 M rows of some 50 octets; what is larger is no list of names
MAX_RAW_LINE_OCTETS = 2**20  # a line that is longer than lines.MAX_LINE_OCTETS is reported; than this, refused
MAX_XZ_OCTETS = 128 * 2**20  # of memory; `xz -9` makes files that need 65 MiB
BLOCK_OCTETS = 2**18
TELL_EVERY = 2**14  # rules between two reports of progress: about 20 ms
UT1_PARTS = ("domains", "urls")
UT1_EXPRESSIONS = "expressions"

NO_EXPRESSIONS = "regular expressions on URLs are not enforced"

_GZIP_MARK, _XZ_MARK = b"\x1f\x8b", b"\xfd7zXZ\0"

Item = Rule | UrlRule | SkippedLine


class Reading(NamedTuple):
    """A list file, open."""

    lines: Iterable[bytes]  # lines, blocks or the file: what the format takes
    file: BinaryIO  # its position says how much has been read


def read_source(source: Source, path: Path | None = None, tell: Callable[[int], None] | None = None) -> Iterator[Item]:
    """Everything that a source says, part after part.   Raises BadList where it cannot be read or is no list.

    path  where a copy of it lies; None: where the source says
    tell  is called with the octets read so far, now and then"""
    where = path or source.path
    if where is None:
        raise BadList("not a file; not read; its entries come over the API")
    if not where.is_dir():
        yield from (
            _read_file_of_ut1(source, where, tell) if source.format == "ut1" else _read_file(source, where, tell, 0)
        )
        return
    before = 0
    for part in _parts_of(source, where):
        try:
            for item in _read_file(source, where / part, tell, before):
                yield type(item)._make((*item[:-1], part))  # three times as fast as _replace()
        except BadList as exc:
            raise BadList(f"{part}: {exc}") from exc
        before += (where / part).stat().st_size
    if (where / UT1_EXPRESSIONS).exists() and source.format == "ut1":
        yield SkippedLine(1, 1, "", NO_EXPRESSIONS, part=UT1_EXPRESSIONS)


def read_octets(source: Source, file: BinaryIO) -> Iterator[Item]:
    """Everything that an open file says, which is no folder and no archive.   Raises BadList"""
    return iter_source(_readable(file, source.format), source)


def iter_source(lines: Iterable[bytes], source: Source) -> Iterator[Item]:
    """Read `lines` as `source` says."""
    if source.columns is not None:
        return TABLE_FORMATS[source.format](lines, source.bare_mode, source.columns)
    return FORMATS[source.format](lines, source.bare_mode)


def octets_of(path: Path) -> int:
    """The length of a file, or of the files in a folder; 0 of what cannot be opened (which reading it then says)."""
    try:
        if path.is_dir():
            return sum(each.stat().st_size for each in path.iterdir() if each.is_file())
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def open_source(path: Path, list_format: str = "plain") -> Iterator[Reading]:
    """Open a list file for a format.   Raises BadList, without the path, where it cannot be read or is too large."""
    with _opened(path) as file:
        yield Reading(_readable(file, list_format), file)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as exc:
        raise BadList(f"{exc.strerror}; not read; check the path and its permissions") from exc
    with file:
        if path.stat().st_size > MAX_FILE_OCTETS:
            raise _too_large()
        yield file


def _readable(file: BinaryIO, list_format: str) -> Iterable[bytes]:
    if list_format in FILE_FORMATS:
        return file
    blocks = _as_utf8(_content_of(file))
    return blocks if list_format in BLOCK_FORMATS else _lines_of(blocks)


def _content_of(file: BinaryIO) -> Iterator[bytes]:
    """Blocks of what is in a file, inflated, no more than MAX_FILE_OCTETS."""
    mark = file.read(len(_XZ_MARK))
    file.seek(0)
    return _capped(_inflated(file, mark))


def _read_file(source: Source, path: Path, tell: Callable[[int], None] | None, before: int) -> Iterator[Item]:
    with open_source(path, source.format) as reading:
        yield from _telling(iter_source(reading.lines, source), reading.file, tell, before)


def _telling(
    items: Iterator[Item], file: BinaryIO, tell: Callable[[int], None] | None, before: int = 0
) -> Iterator[Item]:
    """All items, and now and then how far the file has been read."""
    if tell is None:
        yield from items
        return
    for n, item in enumerate(items):
        if n % TELL_EVERY == 0:
            tell(before + file.tell())
        yield item


def _read_file_of_ut1(source: Source, path: Path, tell: Callable[[int], None] | None) -> Iterator[Item]:
    """An archive of one category, or one part of it alone."""
    with _opened(path) as file:
        is_archive, blocks = peek(_content_of(file))
        items = _read_archive(source, blocks) if is_archive else iter_source(_lines_of(_as_utf8(blocks)), source)
        yield from _telling(items, file, tell)


def _read_archive(source: Source, blocks: Iterator[bytes]) -> Iterator[Item]:
    has_part = False
    for part, octets in iter_parts(blocks, (*UT1_PARTS, UT1_EXPRESSIONS)):
        if part == UT1_EXPRESSIONS:
            yield SkippedLine(1, 1, "", NO_EXPRESSIONS, part=part)
            continue
        has_part = True
        try:
            for item in iter_source(_lines_of(_as_utf8(octets)), source):
                yield type(item)._make((*item[:-1], part))
        except BadList as exc:
            raise BadList(f"{part}: {exc}") from exc
    if not has_part:
        raise BadList(f"an archive without {' or '.join(UT1_PARTS)}; not read; take that of one category")


def _parts_of(source: Source, folder: Path) -> list[str]:
    """The files of a folder that are the list, in a fixed order."""
    if source.format == "misp":
        with open_source(folder / MANIFEST, "misp") as reading:
            return read_manifest(reading.lines)
    if source.format != "ut1":
        raise BadList(f"a folder; not read; write the file, or format=ut1 or format=misp instead of {source.format}")
    parts = [part for part in UT1_PARTS if (folder / part).is_file()]
    if not parts:
        raise BadList(f"a folder without {' or '.join(UT1_PARTS)}; not read; write the folder of one category")
    return parts


def _inflated(file: BinaryIO, mark: bytes) -> Iterator[bytes]:
    """Blocks of a file's content."""
    if mark.startswith(_GZIP_MARK):
        return _refusing_damage(iter(partial(gzip.GzipFile(fileobj=file).read, BLOCK_OCTETS), b""))
    if mark.startswith(_XZ_MARK):
        return _refusing_damage(_inflated_xz(file))
    return iter(partial(file.read, BLOCK_OCTETS), b"")


def _inflated_xz(file: BinaryIO) -> Iterator[bytes]:
    """What lzma.LZMAFile does, but with a limit to what a file can make it allocate."""
    octets = file.read(BLOCK_OCTETS)
    while octets:
        stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_OCTETS)
        yield stream.decompress(octets, BLOCK_OCTETS)
        while not stream.eof:
            more = file.read(BLOCK_OCTETS) if stream.needs_input else b""
            if not more and stream.needs_input:
                raise EOFError
            yield stream.decompress(more, BLOCK_OCTETS)
        # another stream may follow; between them zeros may stand, to a multiple of four
        octets = stream.unused_data.lstrip(b"\0")
        while not octets and (more := file.read(BLOCK_OCTETS)):
            octets = more.lstrip(b"\0")


def _refusing_damage(blocks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from filter(None, blocks)
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as exc:
        found = "it ends in the middle of its compression" if isinstance(exc, EOFError) else f"damaged ({exc})"
        raise BadList(f"{found}; not read; fetch it again") from exc


def _capped(blocks: Iterator[bytes]) -> Iterator[bytes]:
    n_octets = 0
    for block in blocks:
        n_octets += len(block)
        if n_octets > MAX_FILE_OCTETS:
            raise _too_large()
        yield block


def _as_utf8(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Blocks in UTF-8 of blocks in UTF-16, if they begin so."""
    first = next(blocks, b"")
    if not first.startswith(UTF16_MARKS):
        yield first
        yield from blocks
        return
    decode = codecs.getincrementaldecoder("utf-16")("replace").decode
    yield decode(first).encode("utf-8", "replace")
    for block in blocks:
        yield decode(block).encode("utf-8", "replace")
    yield decode(b"", True).encode("utf-8", "replace")


def _lines_of(blocks: Iterator[bytes]) -> Iterator[bytes]:
    n_lines, rest = 0, b""
    for block in blocks:
        lines = io.BytesIO(rest + block).readlines()
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        n_lines += len(lines)
        if len(rest) > MAX_RAW_LINE_OCTETS:
            raise BadList(
                f"line {n_lines + 1}: longer than {MAX_RAW_LINE_OCTETS >> 20} MiB; not read; "
                "check what the source delivers"
            )
        yield from lines
    if rest:
        yield rest


def _too_large() -> BadList:
    return BadList(f"larger than {MAX_FILE_OCTETS >> 20} MiB; not read; split it into several lists")
