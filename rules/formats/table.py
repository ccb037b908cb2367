"""Tables of a regulator's spreadsheet: comma, tab or semicolon between the cells, one address a row.

The columns are found by their headings; without headings the first cell of a row that holds a name counts.
What people do to addresses in a spreadsheet is undone: quotes, hxxp, [.], no-break and zero-width spaces.

Invariants: a row never blocks more than it names: a URL with a path is reported, not widened to its host; a row that
asks to unblock is reported, not obeyed (an order is withdrawn by whoever gave it).
A quoted cell over several lines belongs to the row's first line.
"""
import csv
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from fastpath.verdict import Action, Mode
from rules.canonical import canonical_octets, canonical_wire
from rules.errors import BadName
from rules.formats.lines import MAX_LINE_OCTETS, fault_of, join_lines, open_list
from rules.rule import Rule, Skipped, skipped

ADDRESS_HEADINGS = frozenset({
    "url", "urls", "link", "links", "website", "websites", "domain", "domains", "domain name", "web address",
    "host", "hostname", "fqdn", "url/link", "website/url", "url/domain",
})
ORDER_HEADINGS = frozenset({
    "ref", "ref no", "reference", "reference no", "letter", "letter no", "letter number", "order", "order no",
})
ACTION_HEADINGS = frozenset({"action", "remarks", "remarks/action", "status"})
UNBLOCK_WORDS = ("unblock", "un-block", "release", "withdraw", "restore", "reopen", "allow")
MAX_ROW_LINES = 16          # of a quoted cell with line breaks; more is a quote that nobody closed

HAS_PATH = "a URL with a path cannot be enforced by name: not widened"
ASKS_TO_UNBLOCK = "the row asks to unblock: withdraw the order instead"
OTHER_SCHEME = "the address is neither http nor https"
NO_NAME = "no cell of the row holds a name"
EMPTY_CELL = "the row has no address"
UNCLOSED = "a quote is not closed"

_INVISIBLE = re.compile("[\u00a0\u00ad\u200b-\u200f\u2060\ufeff]")
_ORDINARY_ADDRESS = re.compile(rb"\s*(?:https?://)?([A-Za-z0-9_-][A-Za-z0-9_.-]*)/?\s*", re.IGNORECASE)
_SCHEME = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?[/\\]{2,}")
_DEFANGED = re.compile(r"\[\s*(?:\.|dot)\s*\]|\(\s*\.\s*\)", re.IGNORECASE)


class _Columns(NamedTuple):
    address: int | None = None      # None: the first cell that holds a name
    order: int | None = None
    action: int | None = None


class _NotByName(ValueError):
    """An address that is well formed, but says more, or other, than a name."""


def iter_rules(lines: Iterable[bytes], default_mode: Mode) -> Iterator[Rule | Skipped]:
    """Read a table, lazily.   Raises BadList for a file that is no list.   Cost: bench/compile.py."""
    columns: _Columns | None = None
    delimiter = ","
    for number, line in join_lines(enumerate(open_list(lines), 1), _quotes, _is_odd, MAX_ROW_LINES):
        if columns is not None and columns.address is not None:
            rule = _read_ordinary_row(number, line, delimiter, columns, default_mode)
            if rule is not None:
                yield rule
                continue
        if not line.strip(b' \t\r\n,;"'):
            continue
        fault = fault_of(line)
        if fault is not None:
            yield skipped(number, fault[0], line, fault[1])
            continue
        if columns is None:
            delimiter = _delimiter_of(line)
            columns = _read_headings(_cells(line, delimiter))
            if columns is not None:
                continue
            columns = _Columns()
        yield _read_row(number, line, _cells(line, delimiter), columns, default_mode)


def _read_ordinary_row(number: int, line: bytes, delimiter: str, columns: _Columns, mode: Mode) -> Rule | None:
    """Read a row as nearly all are: ASCII, no quotes, `http://name/` or a name; None for any other."""
    if b'"' in line or not line.isascii() or b"\0" in line or len(line) > MAX_LINE_OCTETS:
        return None
    cells = line.split(delimiter.encode())
    if len(cells) <= max(columns.address or 0, columns.order or 0, columns.action or 0):
        return None
    found = _ORDINARY_ADDRESS.fullmatch(cells[columns.address or 0])
    if found is None or (columns.action is not None and _asks_to_unblock(cells[columns.action])):
        return None
    try:
        wire = canonical_octets(found[1])
    except BadName:
        return None
    order_ref = None if columns.order is None else _order_ref(cells[columns.order])
    return Rule(wire, mode, Action.NO_ACTION, number, order_ref)


# Sheets repeat themselves: one letter orders thousands of rows, and nearly all of them say "Block".
@lru_cache(4096)
def _order_ref(cell: bytes) -> str | None:
    return clean(cell.decode("ascii")) or None


@lru_cache(4096)
def _asks_to_unblock(cell: bytes) -> bool:
    return clean(cell.decode("ascii")).lower().startswith(UNBLOCK_WORDS)


def _quotes(line: bytes) -> int:
    return line.count(b'"')


def _is_odd(n_quotes: int) -> bool:
    return n_quotes % 2 == 1


def _delimiter_of(line: bytes) -> str:
    """The character that a first line is divided by: tab, semicolon or comma, whichever it has most of."""
    return max("\t;,", key=lambda c: line.count(c.encode()))


def _cells(line: bytes, delimiter: str) -> list[str]:
    text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text.replace("\r", " ").replace("\n", " ")], delimiter=delimiter), [])
    except csv.Error:
        return text.split(delimiter)


def _read_headings(cells: list[str]) -> _Columns | None:
    """Find the columns by their headings; None where the first row has none that we know."""
    headings = [re.sub(r"[\s._]+", " ", clean(cell)).strip().lower() for cell in cells]

    def column(known: frozenset[str]) -> int | None:
        return next((i for i, heading in enumerate(headings) if heading in known), None)

    address = column(ADDRESS_HEADINGS)
    return None if address is None else _Columns(address, column(ORDER_HEADINGS), column(ACTION_HEADINGS))


def _read_row(number: int, line: bytes, cells: list[str], columns: _Columns, mode: Mode) -> Rule | Skipped:
    address = _address_of(cells, columns)
    if address is None:
        return skipped(number, 1, line, NO_NAME if columns.address is None else EMPTY_CELL)
    column = max(line.find(address.strip(' "').encode("utf-8", "surrogateescape")), 0) + 1
    if _is_odd(_quotes(line)):
        return skipped(number, line.index(b'"') + 1, line, UNCLOSED)
    if _cell(cells, columns.action).lower().startswith(UNBLOCK_WORDS):
        return skipped(number, column, line, ASKS_TO_UNBLOCK)
    try:
        name, mode = _name_of(clean(address), mode)
        return Rule(canonical_wire(name), mode, Action.NO_ACTION, number, _cell(cells, columns.order) or None)
    except BadName as exc:
        return skipped(number, column, line, exc.reason)
    except _NotByName as exc:
        return skipped(number, column, line, str(exc))


def _address_of(cells: list[str], columns: _Columns) -> str | None:
    """The cell with the address, as written."""
    if columns.address is not None:
        found = cells[columns.address] if columns.address < len(cells) else ""
        return found if clean(found) else None
    return next((cell for cell in cells if _holds_name(clean(cell))), None)


def _holds_name(text: str) -> bool:
    """Whether a cell without a heading is an address: a name of two labels or more, or a URL."""
    if _SCHEME.match(text):
        return True
    host = re.split(r"[/?#]", text, maxsplit=1)[0].removesuffix(".")
    if "." not in host.strip("."):
        return False
    try:
        canonical_wire(host.removeprefix("*."))
    except BadName:
        return False
    return True


def _cell(cells: list[str], column: int | None) -> str:
    return clean(cells[column]) if column is not None and column < len(cells) else ""


def clean(cell: str) -> str:
    """Undo what spreadsheets and mail programs do to an address."""
    text = _INVISIBLE.sub("", cell).strip().strip("\"'\u2018\u2019\u201c\u201d<>").strip()
    text = _DEFANGED.sub(".", text)
    return "http" + text[4:] if text[:4].lower() == "hxxp" else text


def _name_of(text: str, mode: Mode) -> tuple[str, Mode]:
    """The name that an address stands for.   Raises _NotByName where a name would say more than the address."""
    scheme = _SCHEME.match(text)
    if scheme is not None and (scheme[1] or "http").lower() not in ("http", "https"):
        raise _NotByName(OTHER_SCHEME)
    rest = text[scheme.end():] if scheme is not None else text
    # WHATWG URL §4.4: a backslash of an http address is a slash; the fragment never leaves the browser
    rest = rest.replace("\\", "/").partition("#")[0]
    authority, _slash, path = rest.partition("/")
    authority, question, _query = authority.partition("?")
    if question or path.strip("/"):
        raise _NotByName(HAS_PATH)
    host = unquote(authority.rpartition("@")[2])
    if host.startswith(("*.", ".")):
        return host.removeprefix("*").removeprefix("."), Mode.SUBTREE
    return host, mode
