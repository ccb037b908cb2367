"""Excel workbooks (.xlsx), read row by row, on the guess that the maker of the file wants to harm the reader.

The XML goes block by block through defusedxml's parser, without DTD, into a target that keeps one row.

Invariants: memory is bounded by the constants below and in rules.formats.container, regardless of the file: a row, the
shared strings in compact form, what the parser keeps.  Members that hold no sheet (macros, media, workbooks inside) are
never opened.
Of a merged range every row has its first cell's value: what a person sees next to all of them.
Source: ECMA-376 part 1 §18.3 (worksheets), §18.4 (shared strings).
"""

import posixpath
import re
from array import array
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO, NamedTuple
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from rules.base.errors import BadList
from rules.formats.container import MAX_MEMBERS, Container, bad_workbook

MAX_TAG_OCTETS = 2**20  # between two `>`: the parser keeps a tag until it ends
MAX_XML_DEPTH = 32  # rich text in a cell stands at 7
MAX_XML_NAMES = 1_000  # different ones in a member; the parser keeps each
MAX_SHEETS = 256
MAX_SHEET_ROWS = 1_048_576  # Excel's own
MAX_CELL_CHARACTERS = 32_767  # Excel's own
MAX_CELLS = 256  # of a row that are read: the first ones
MAX_MERGES = 100_000

_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_TEXTS = frozenset({"t", "v", "f"})
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Sheet(NamedTuple):
    """One sheet of a workbook."""

    name: str
    member: str
    is_hidden: bool


class Row(NamedTuple):
    """One row.   cells  as text, up to the last that is not empty; a formula begins with `=`."""

    number: int  # from 1
    cells: list[str]


class Workbook:
    """An open workbook."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises BadList for what is no workbook, or would inflate to too much."""
        self._container = Container(file)
        self._strings = _Strings()
        main = self._one_related("_rels/.rels", "", "/officeDocument")
        folder, name = posixpath.split(main)
        self._related = self._relations(posixpath.join(folder, "_rels", name + ".rels"), folder)
        for kind, member in self._related.values():
            if kind.endswith("/sharedStrings"):
                self._parse(member, _StringsTarget(self._strings))
        self.sheets = self._sheets(main)

    def rows(self, sheet: Sheet) -> Iterator[Row]:
        """The rows of a sheet that are not empty, in its order."""
        merges = _MergesTarget()
        if self._mentions(sheet.member, b"mergeCell "):
            self._parse(sheet.member, merges)
        target = _SheetTarget(self._strings)
        below = _MergedRanges(merges.ranges)
        for _ in self._feed(sheet.member, target):
            for row in target.rows:
                cells = below.fill(row)
                if any(cells):
                    yield Row(row.number, cells)
            target.rows.clear()

    # ------------------------------------------------------------------------------------------------------------------

    def _sheets(self, main: str) -> list[Sheet]:
        target = _AttributesTarget("sheet")
        self._parse(main, target)
        sheets = []
        for attributes in target.found:
            related = next((v for k, v in attributes.items() if k.rpartition("}")[2] == "id" and "}" in k), "")
            kind, member = self._related.get(related, ("", ""))
            if kind.endswith("/worksheet"):
                is_hidden = attributes.get("state", "visible") != "visible"
                sheets.append(Sheet(attributes.get("name", ""), member, is_hidden))
        if not sheets:
            raise bad_workbook("workbook", "no sheet", "save it as .xlsx or .csv")
        if len(sheets) > MAX_SHEETS:
            raise bad_workbook("workbook", f"more than {MAX_SHEETS} sheets", "split it into several files")
        return sheets

    def _one_related(self, member: str, folder: str, kind: str) -> str:
        for found, target in self._relations(member, folder).values():
            if found.endswith(kind):
                return target
        raise bad_workbook("workbook", "not an Excel workbook", "save it as .xlsx or .csv")

    def _relations(self, member: str, folder: str) -> dict[str, tuple[str, str]]:
        """By id: kind and member."""
        target = _AttributesTarget("Relationship")
        self._parse(member, target)
        return {
            a.get("Id", ""): (a.get("Type", ""), _member_at(folder, a["Target"]))
            for a in target.found
            if "Target" in a and a.get("TargetMode") != "External"
        }

    def _parse(self, member: str, target: "_BoundedTarget") -> None:
        for _ in self._feed(member, target):
            pass

    def _feed(self, member: str, target: "_BoundedTarget") -> Iterator[None]:
        """Parse a member block by block; the target has what a block gave."""
        parser = DefusedXMLParser(target=target, forbid_dtd=True)
        n_open = 0
        try:
            for block in self._container.blocks(member):
                at = block.rfind(b">")
                n_open = n_open + len(block) if at < 0 else len(block) - at - 1
                if n_open > MAX_TAG_OCTETS:
                    raise bad_workbook(member, f"a tag or text longer than {MAX_TAG_OCTETS >> 10} KiB")
                parser.feed(block)
                target.check(member)
                yield
            parser.close()
            yield
        except (ParseError, DefusedXmlException, ValueError) as exc:
            if isinstance(exc, BadList):
                raise
            raise bad_workbook(member, f"not the XML of a workbook ({exc})") from None

    def _mentions(self, member: str, word: bytes) -> bool:
        rest = b""
        for block in self._container.blocks(member):
            rest += block
            if word in rest:
                return True
            rest = rest[-len(word) :]
        return False


class _BoundedTarget:
    """A target that keeps count of what the parser itself keeps."""

    def __init__(self) -> None:
        self._depth = 0
        self._local: dict[str, str] = {}  # names as the parser gives them: without their namespace
        self._attributes: set[str] = set()

    def enter(self, tag: str, attributes: dict[str, str]) -> str:
        """Count an element; its name without namespace."""
        self._depth += 1
        if self._depth > MAX_XML_DEPTH:
            raise bad_workbook("workbook", f"XML nested deeper than {MAX_XML_DEPTH}")
        if attributes:
            self._attributes.update(attributes)
        name = self._local.get(tag)
        if name is None:
            name = self._local[tag] = tag.rpartition("}")[2]
        return name

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins; `end` follows, between them `data` and other elements."""
        self.enter(tag, attributes)

    def end(self, _tag: str) -> None:
        """The innermost element ends."""
        self._depth -= 1

    def data(self, text: str) -> None:
        """Pass over text."""

    def close(self) -> None:
        """The end needs nothing."""

    def check(self, member: str) -> None:
        """Raise BadList where what has come so far is too much."""
        if len(self._local) + len(self._attributes) > MAX_XML_NAMES:
            raise bad_workbook(member, f"more than {MAX_XML_NAMES} different XML names")


class _AttributesTarget(_BoundedTarget):
    """The attributes of every element of one name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.found: list[dict[str, str]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.enter(tag, attributes) == self._name:
            if len(self.found) >= MAX_MEMBERS:
                raise bad_workbook("workbook", f"more than {MAX_MEMBERS} of {self._name}")
            self.found.append(attributes)


class _MergesTarget(_BoundedTarget):
    """Merged ranges of more than one row: (first row, column) to last row."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges: dict[tuple[int, int], int] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.enter(tag, attributes) != "mergeCell":
            return
        first, _colon, last = attributes.get("ref", "").partition(":")
        begin, end = cell_place(first), cell_place(last)
        if begin is not None and end is not None and end[0] > begin[0] and begin[1] < MAX_CELLS:
            self.ranges[begin] = end[0]
        if len(self.ranges) > MAX_MERGES:
            raise bad_workbook("workbook", f"more than {MAX_MERGES:,} merged ranges", "save it as .csv")


class _MergedRanges:
    """Fills a merged range's first value down, row after row."""

    def __init__(self, ranges: dict[tuple[int, int], int]) -> None:
        self._ranges = ranges
        self._open: dict[int, tuple[int, str]] = {}  # by column: last row, value
        self._begin_at = {row for row, _column in ranges}

    def fill(self, row: Row) -> list[str]:
        """The cells of a row with those above that reach into it."""
        cells = row.cells
        for column, (last, value) in list(self._open.items()):
            if last < row.number:
                del self._open[column]
            else:
                cells.extend([""] * (column + 1 - len(cells)))
                cells[column] = cells[column] or value
        if row.number in self._begin_at:
            for column, value in enumerate(cells):
                last_row = self._ranges.get((row.number, column))
                if last_row is not None:
                    self._open[column] = last_row, value
        return cells


class _Strings:
    """The shared strings, one behind the other: no object each."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._ends = array("Q", [0])

    def add(self, text: str) -> None:
        self._octets += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._octets))

    def get(self, number: int) -> str:
        """The string of a number; empty where none exists."""
        if not 0 <= number < len(self._ends) - 1:
            return ""
        return self._octets[self._ends[number] : self._ends[number + 1]].decode("utf-8", "surrogatepass")


class _TextTarget(_BoundedTarget):
    """A target that gathers the text of `t`, `v` and `f`, up to a cell's length, but not of `rPh`: how it is spoken."""

    def __init__(self) -> None:
        super().__init__()
        self._text: list[str] = []
        self._length = 0
        self._gathers = False
        self._spoken_at = MAX_XML_DEPTH  # depth of an open rPh

    def begin(self, tag: str, attributes: dict[str, str]) -> str:
        """What `start` does; the element's name."""
        name = self.enter(tag, attributes)
        if name == "rPh":
            self._spoken_at = min(self._spoken_at, self._depth)
        self._gathers = name in _TEXTS and self._depth < self._spoken_at
        return name

    def finish(self, tag: str) -> str:
        """What `end` does; the element's name."""
        if self._depth == self._spoken_at:
            self._spoken_at = MAX_XML_DEPTH
        self._depth -= 1
        self._gathers = False
        return self._local[tag]

    def data(self, text: str) -> None:
        if self._gathers and self._length <= MAX_CELL_CHARACTERS:
            # one character more than may be tells the reader of the cell that it is too long
            self._text.append(text[: MAX_CELL_CHARACTERS + 1 - self._length])
            self._length += len(text)

    def take(self) -> str:
        """What has been gathered since the last time."""
        if not self._text:
            return ""
        text = "".join(self._text)
        self._text.clear()
        self._length = 0
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class _StringsTarget(_TextTarget):
    """Shared strings: every `si`."""

    def __init__(self, strings: _Strings) -> None:
        super().__init__()
        self._strings = strings

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.begin(tag, attributes)

    def end(self, tag: str) -> None:
        if self.finish(tag) == "si":
            self._strings.add(self.take())


class _SheetTarget(_TextTarget):
    """Rows of a sheet."""

    def __init__(self, strings: _Strings) -> None:
        super().__init__()
        self._strings = strings
        self.rows: list[Row] = []
        self._number = 0
        self._cells: list[str] = []
        self._column = -1
        self._kind = "n"
        self._formula: str | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = self.begin(tag, attributes)
        if name == "c":
            self._column = _column_of(attributes.get("r", ""), self._column + 1)
            self._kind = attributes.get("t", "n")
            self._formula = None
            self.take()
        elif name == "row":
            said = attributes.get("r", "")
            self._number = int(said) if said.isdecimal() and len(said) <= 7 else self._number + 1
            if not 1 <= self._number <= MAX_SHEET_ROWS:
                raise bad_workbook(f"line {self._number}", f"a row after row {MAX_SHEET_ROWS:,}")
            self._cells, self._column = [], -1

    def end(self, tag: str) -> None:
        name = self.finish(tag)
        if name == "f":
            self._formula = "=" + self.take()
        elif name == "c":
            self._end_cell()
        elif name == "row":
            self.rows.append(Row(self._number, self._cells))

    def _end_cell(self) -> None:
        text = self.take()
        if self._formula is not None:
            text = self._formula
        elif self._kind == "s":
            text = self._strings.get(int(text)) if text.isdecimal() and len(text) < 10 else ""
        elif self._kind == "n" and "E" in text.upper():
            text = _in_digits(text)
        if text and self._column < MAX_CELLS:
            self._cells.extend([""] * (self._column - len(self._cells)))
            self._cells[self._column :] = [text]


def cell_place(reference: str) -> tuple[int, int] | None:
    """Row from 1 and column from 0 of `B2`; None for what is no reference."""
    found = _CELL.fullmatch(reference.replace("$", ""))
    if found is None:
        return None
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return int(found[2]), column - 1


def _column_of(reference: str, otherwise: int) -> int:
    letters = reference.rstrip("0123456789")
    return _column_of_letters(letters) if letters and letters.isascii() and letters.isalpha() else otherwise


@lru_cache(1024)
def _column_of_letters(letters: str) -> int:
    """Column from 0 of `AB`; of more than three letters one that is never read."""
    place = cell_place(letters + "1")
    return MAX_CELLS if place is None else place[1]


def _in_digits(number: str) -> str:
    """1.5E3 as 1500: what a person sees, and nothing that looks like a name."""
    try:
        return f"{float(number):.6f}".rstrip("0").rstrip(".")
    except ValueError:
        return ""


def _member_at(folder: str, target: str) -> str:
    """The name of a member that a relation of `folder` leads to."""
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
