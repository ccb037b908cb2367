"""The table that comes with a regulator's letter: CSV, text or a workbook becomes rows, each with its place.

    octets ─┬─ a workbook: every sheet that is seen ─┬─ rows below the headings → addresses, or why the row has none
            └─ text: UTF-8, UTF-16, Windows-1256 ────┘

What an address means is said later, by who judges the order: nothing is widened or dropped here.  Columns, remarks and
letters are found as in lists (rules.formats.columns).
Invariants: a row that is no heading gives at least one row, with an address or a reason; a file gives no more than
MAX_ROWS, of no more than MAX_CHARACTERS together.
"""

import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fastpath.images.verdict import Mode
from rules.base.errors import BadList
from rules.base.lines import UTF8_MARK, UTF16_MARKS
from rules.base.rule import printable
from rules.formats import table, xlsx
from rules.formats.addresses import holds_name
from rules.formats.columns import (
    ASKS_TO_UNBLOCK,
    Columns,
    Fault,
    addresses_in,
    cell_at,
    corrected_of,
    letter_of,
    remarks_in,
    repeats_headings,
)

MAX_ROWS = 100_000
MAX_CHARACTERS = 32 * 2**20  # a workbook can repeat one long text in every row
MAX_VALUE_CHARACTERS = 2048  # the longest URL that every browser takes
UTF8, UTF16, WINDOWS = "utf-8", "utf-16", "windows-1256"
ENCODINGS = (UTF8, UTF16, WINDOWS)
WORKBOOK = "workbook"

ASKS_FOR_PREFIX = "the row asks for what lies below its URL: write the URL with /* at its end"
FORMULA_IN_ROW = "a formula stands where the row says what to do, or its letter"
ADDRESS_TOO_LONG = f"the address is longer than {MAX_VALUE_CHARACTERS} characters"
GUESSED = (
    "the address is not ASCII, and the file is not UTF-8: whether Windows-1256 is meant is not known; send the file in "
    "UTF-8, or say its encoding"
)

_ZIP_MARK, _OLE_MARK = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_LOOK_OCTETS = 4096


class Row(NamedTuple):
    """One address of a row, or the row itself where it has none.

    place   line, or sheet and line;   value  as it is there;   mode  exact | subtree, where the row says it
    letter  that the row names;   fault  why it is no entry;   corrects  the letter that it says it corrects"""

    place: str
    value: str
    mode: str | None
    letter: str | None
    fault: str | None
    corrects: str | None = None


class Letter(NamedTuple):
    """A file.   encoding  of ENCODINGS, or WORKBOOK"""

    encoding: str
    rows: list[Row]


def read_letter(octets: bytes, encoding: str | None, refuses: Callable[[str], str | None]) -> Letter:
    """Read a file.   Raises BadList.   Cost: some 20 µs a row

    encoding  as its sender says it; None: it is found
    refuses   why a file may not be taken that says this next to its addresses; None: it may"""
    rows: list[Row] = []
    n_characters = 0
    found, placed = _placed(octets, encoding)
    is_guess = found == WINDOWS and encoding is None
    for place, cells, columns in placed:
        why = None if isinstance(cells, Fault) else refuses(_said_in(cells, columns))
        if why is not None:
            raise BadList(f"file: {why}")
        for row in _rows_of(place, cells, columns, is_guess):
            n_characters += len(row.value)
            if len(rows) >= MAX_ROWS or n_characters > MAX_CHARACTERS:
                raise BadList(f"{place}: more than {MAX_ROWS:,} rows, or too much text; not read; send a list file")
            rows.append(row)
    if not rows:
        raise BadList("file: no row in it; not read; send the table with its rows")
    return Letter(found, rows)


# ----------------------------------------------------------------------------------------------------------------------

_Placed = Iterator[tuple[str, list[str] | Fault, Columns | None]]


def _said_in(cells: list[str], columns: Columns | None) -> str:
    """What a row says next to its addresses; a line a cell."""
    if columns is None:
        return "\n".join(cells)
    if columns.addresses:
        return "\n".join(cell for at, cell in enumerate(cells) if at not in columns.addresses)
    return "\n".join(cell for cell in cells if not holds_name(cell))


def _placed(octets: bytes, encoding: str | None) -> tuple[str, _Placed]:
    if octets.startswith((_ZIP_MARK, _OLE_MARK)):
        rows = xlsx.iter_cells(io.BytesIO(octets))
        return WORKBOOK, ((f"{sheet}:{number}", cells, columns) for sheet, number, cells, columns in rows)
    if octets.startswith(b"%PDF"):
        raise BadList("file: a PDF, which holds no table; not read; send the table as .xlsx or .csv")
    found, text = _decoded(octets, encoding)
    if "\0" in text[:_LOOK_OCTETS]:
        raise BadList("file: neither text nor a workbook; not read; send the table as .xlsx or .csv")
    lines = io.BytesIO(text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace"))
    return found, ((f"{number}", cells, columns) for number, cells, columns in table.iter_cells(lines))


def _decoded(octets: bytes, encoding: str | None) -> tuple[str, str]:
    found = encoding or _encoding_of(octets)
    if found == UTF16 and not octets.startswith(UTF16_MARKS):
        codec = "utf-16-be" if octets[:1] == b"\0" else "utf-16-le"
    else:
        codec = {UTF8: "utf-8-sig", UTF16: "utf-16", WINDOWS: "cp1256"}[found]
    try:
        return found, octets.decode(codec)
    except UnicodeDecodeError as reason:
        raise BadList(f"file: not {found} (octet {reason.start + 1}); not read; save it as UTF-8") from None


def _encoding_of(octets: bytes) -> str:
    """How a text is encoded, by its marks and by what it can be."""
    if octets.startswith(UTF16_MARKS) or _is_utf16_without_mark(octets[:_LOOK_OCTETS]):
        return UTF16
    try:
        octets.removeprefix(UTF8_MARK).decode("utf-8")
    except UnicodeDecodeError:
        return WINDOWS
    return UTF8


def _is_utf16_without_mark(octets: bytes) -> bool:
    """ASCII in UTF-16: each second octet is NUL, and no other."""
    halves = octets[0::2].count(0), octets[1::2].count(0)
    return min(halves) == 0 and max(halves) * 4 > len(octets) > 3


def _rows_of(place: str, cells: list[str] | Fault, columns: Columns | None, is_guess: bool) -> Iterator[Row]:
    if columns is None:
        return
    if isinstance(cells, Fault):
        yield Row(place, "", None, None, cells.reason)
        return
    if repeats_headings(cells, columns):
        return
    letter, corrects = letter_of(cells, columns), corrected_of(cells, columns)
    found = _fault_of_remarks(cells, columns) or addresses_in(cells, columns)
    if isinstance(found, Fault):
        yield Row(place, _excerpt(cells), None, letter, found.reason, corrects)
        return
    mode = next((each.mode for each in remarks_in(cells, columns) if each.mode is not None), None)
    said = None if mode is None else ("exact" if mode is Mode.EXACT else "subtree")
    for address in found:
        fault = GUESSED if is_guess and not address.isascii() else None
        if len(address) > MAX_VALUE_CHARACTERS:
            address, fault = _excerpt([address]), ADDRESS_TOO_LONG
        yield Row(place, address.strip(), said, letter, fault, corrects)


def _fault_of_remarks(cells: list[str], columns: Columns) -> Fault | None:
    remarks = remarks_in(cells, columns)
    if any(each.is_unblock for each in remarks):
        return Fault(None, ASKS_TO_UNBLOCK)
    if any(each.is_prefix for each in remarks):
        return Fault(None, ASKS_FOR_PREFIX)
    letters = (cell_at(cells, at) for at in (columns.order, columns.corrects))
    is_formula = any(each.is_formula for each in remarks) or any(each.lstrip().startswith("=") for each in letters)
    return Fault(None, FORMULA_IN_ROW) if is_formula else None


def _excerpt(cells: list[str]) -> str:
    """What a person sees of a row that is no entry."""
    return printable(" | ".join(cells)[:1024].encode("utf-8", "surrogatepass"))
