"""Tables of a regulator's spreadsheet: comma, tab, semicolon or bar between the cells, one address a row.

What a row says is in rules.formats.columns, what a cell says in rules.formats.addresses; here lines become cells.

A line that begins with `#` is a comment, as are those above URLhaus's CSV, whose headings stand in one.  A row may
begin so: `#,URL` are headings, `#1` is a number, and a comment that holds an address in a cell of its own is reported.

Invariants: as those have them.  A quoted cell over several lines belongs to the row's first line.  A row that is read
the short way means what it means the long way.
"""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache

from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_text
from rules.base.canonical import canonical_octets
from rules.base.errors import BadList, BadName
from rules.base.lines import fault_of, join_lines, open_list
from rules.base.rule import Rule, SkippedLine, UrlRule, skipped
from rules.base.urls import read_entry_octets
from rules.formats.addresses import holds_name
from rules.formats.columns import (
    ABOVE_HEADINGS,
    FEW_HEADINGS,
    LOOK_ROWS,
    ColumnMap,
    Columns,
    Fault,
    columns_of,
    letter_of,
    order_of,
    read_headings,
    read_row,
    remark_of,
    repeats_headings,
)
from rules.formats.elements import MAX_ROWS

MAX_ROW_LINES = 16  # of a quoted cell with line breaks; more is a quote that no one closed
UNCLOSED = "a quote is not closed"
COMMENTED = "the line is a comment, and a cell of it holds an address: not read"

# A row in which nothing has to be undone: no comment, no quotes, brackets, formulas; all of it ASCII.
# 2,048: MAX_LINE_OCTETS
_ORDINARY_LINE = re.compile(rb"(?!#)[ \t!#-'*-<>-Z\^-z|~=]{0,2048}\r?\n?")
# Looser than a name, and half the time; canonical_octets() has the last word
_ORDINARY_NAME = re.compile(rb"\s*([hH][tT][tT][pP][sS]?://)?([A-Za-z0-9_-]+\.[A-Za-z0-9_.-]*[A-Za-z0-9_-]{2})/?\s*")
_NUMBERS = re.compile(rb"\s*[0-9.]+\s*")  # an address or a date
_ORDINARY_URL = re.compile(rb"\s*(https?://[A-Za-z0-9_-][A-Za-z0-9_.-]*/[^ \t\r\n]*[^ \t\r\n*'`<>])\s*", re.IGNORECASE)
# A formula that was written without quotes around it; its commas and semicolons divide no cells
_BARE_LINK = re.compile(r'=\s*HYPERLINK\s*\((?:"(?:[^"]|"")*"|[^")])*\)', re.IGNORECASE)
_COMMENT = re.compile(rb"#+(?![0-9])")
_BLANK = b' \t\r\n,;|"'
_DELIMITERS = "\t;,|"
_BETWEEN_ADDRESSES = re.compile(rb" \| ")  # in one cell: 192.0.2.7 | 192.0.2.8


def iter_rules(
    lines: Iterable[bytes], default_mode: Mode, column_map: ColumnMap | None = None
) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read a table, lazily.   Raises BadList for a file that is no list.   Cost: bench/compile.py."""
    records = join_lines(enumerate(open_list(lines), 1), _quotes, _is_odd, MAX_ROW_LINES)
    head = _first_rows(records)
    if not head:
        return
    above, begin, delimiter, columns = _find_columns(head, column_map)
    last = max(*columns.addresses, *columns.remarks, columns.order or 0, 0, 0)
    for number, line in head[:above]:
        yield skipped(number, 1, line, ABOVE_HEADINGS)
    for number, line in itertools.chain(head[begin:], _without_comments(records)):
        if number > MAX_ROWS:
            raise BadList(f"line {number}: more than {MAX_ROWS:,} rows; not read; split it into several lists")
        rule = _read_ordinary_row(number, line, delimiter.encode(), columns, last, default_mode)
        if rule is not None:
            yield rule
            continue
        if not line.strip(_BLANK):
            continue
        fault = fault_of(line)
        if fault is not None:
            yield skipped(number, fault[0], line, fault[1])
            continue
        cells = cells_of(line, delimiter)
        if _COMMENT.match(line):
            yield skipped(number, 1, line, COMMENTED)
        elif not repeats_headings(cells, columns) or _is_odd(_quotes(line)):
            yield from _read_row(number, line, cells, columns, default_mode)


def iter_cells(lines: Iterable[bytes]) -> Iterator[tuple[int, list[str] | Fault, Columns | None]]:
    """The rows of a table: number, cells or why none exist, columns; None: above the headings.   Raises BadList."""
    records = join_lines(enumerate(open_list(lines), 1), _quotes, _is_odd, MAX_ROW_LINES)
    head = _first_rows(records)
    if not head:
        return
    above, begin, delimiter, columns = _find_columns(head, None)
    for number, line in head[:above]:
        yield number, _cells_or_fault(line, delimiter), None
    for number, line in itertools.chain(head[begin:], _without_comments(records)):
        if line.strip(_BLANK):
            yield number, Fault(None, COMMENTED) if _COMMENT.match(line) else _cells_or_fault(line, delimiter), columns


def _cells_or_fault(line: bytes, delimiter: str) -> list[str] | Fault:
    fault = fault_of(line)
    if fault is not None:
        return Fault(None, fault[1])
    return Fault(None, UNCLOSED) if _is_odd(_quotes(line)) else cells_of(line, delimiter)


def cells_of(line: bytes, delimiter: str) -> list[str]:
    """The cells of a row."""
    text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if '"' not in text:
        return text.split(delimiter)
    if "=" in text:
        text = _BARE_LINK.sub(_quote_bare_link, text)
    try:
        return next(csv.reader([text.replace("\r", " ").replace("\n", " ")], delimiter=delimiter), [])
    except csv.Error:
        return text.split(delimiter)


def _read_ordinary_row(
    number: int, line: bytes, delimiter: bytes, columns: Columns, last: int, mode: Mode
) -> Rule | UrlRule | None:
    """Read a row in which nothing has to be undone and nothing is at fault; None for any other.

    last  of the columns that are looked at"""
    if columns.type is not None or _ORDINARY_LINE.fullmatch(line) is None:
        return None
    cells = line.split(delimiter)
    if last >= len(cells) or (columns.width is not None and len(cells) > columns.width):
        return None
    order_ref = None
    if columns.order is not None:
        order_ref = _ordinary_order(cells[columns.order])
        if order_ref is not None and order_ref[0] == "=":
            return None
    for column in columns.remarks:
        if not _is_ordinary_remark(cells[column]):
            return None
    if not columns.addresses:
        return _read_ordinary_cells(number, cells, columns, mode, order_ref)
    rule = _read_ordinary_address(number, cells[columns.addresses[0]], mode, order_ref)
    if isinstance(rule, Rule) and (len(columns.addresses) > 1 or columns.unknown):
        beside = (*columns.addresses[1:], *columns.unknown)
        if any(b"." in cells[column] for column in beside if column < len(cells)):
            return None  # it may say less
    return rule


def _read_ordinary_cells(
    number: int, cells: list[bytes], columns: Columns, mode: Mode, order_ref: str | None
) -> Rule | UrlRule | None:
    """Read the cell that says least: a URL, or the one that holds a name; None where that takes the long way."""
    found: Rule | None = None
    for column, cell in enumerate(cells):
        if b"." in cell and column not in columns.others:
            rule = _read_ordinary_address(number, cell, mode, order_ref)
            if isinstance(rule, UrlRule):
                is_of_name = found is None or rule.url.startswith(to_text(found.wire).encode() + b"/")
                return rule if is_of_name else None
            if rule is None and _NUMBERS.fullmatch(cell):
                continue
            if rule is None or found is not None:
                return None
            found = rule
        elif b"//" in cell:
            return None
    return found


_ORDINARY_REMARK = remark_of("Block")
_NO_ACTION = Action.NO_ACTION  # naming a member costs as much as a look-up


@lru_cache(4096)
def _ordinary_order(cell: bytes) -> str | None:
    return order_of(cell.decode())


@lru_cache(4096)
def _is_ordinary_remark(cell: bytes) -> bool:
    return remark_of(cell.decode()) == _ORDINARY_REMARK


def _read_ordinary_address(number: int, cell: bytes, mode: Mode, order_ref: str | None) -> Rule | UrlRule | None:
    try:
        name = _ORDINARY_NAME.fullmatch(cell)
        if name is not None:
            return Rule(canonical_octets(name[2]), mode, _NO_ACTION, number, order_ref)
        url = _ORDINARY_URL.fullmatch(cell)
        if url is None:
            return None
        wire, canonical = read_entry_octets(url[1])
    except BadName:
        return None
    if canonical is not None:
        return UrlRule(canonical, Mode.EXACT, Action.NO_ACTION, number, order_ref)
    return None if wire is None else Rule(wire, mode, Action.NO_ACTION, number, order_ref)


def _read_row(
    number: int, line: bytes, cells: list[str], columns: Columns, mode: Mode
) -> Iterator[Rule | UrlRule | SkippedLine]:
    if _is_odd(_quotes(line)):
        yield skipped(number, line.index(b'"') + 1, line, UNCLOSED)
        return
    for rule in read_row(number, cells, columns, mode):
        if isinstance(rule, Fault):
            column = 1 if rule.cell is None else _column_of(line, cells[rule.cell])
            yield skipped(number, column, line, rule.reason, letter_of(cells, columns))
        else:
            yield rule


def _column_of(line: bytes, cell: str) -> int:
    """Where a cell's text stands in its line, from 1; 1 where quotes inside of it have been undone."""
    return max(line.find(cell.strip().encode("utf-8", "surrogateescape")), 0) + 1


def _first_rows(records: Iterator[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """The first LOOK_ROWS that are neither blank nor comments without headings."""
    rows = (record for record in _without_comments(records) if record[1].strip(_BLANK))
    return list(itertools.islice(rows, LOOK_ROWS))


def _without_comments(records: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Pass over comments, but for headings and what holds an address."""
    return (each for each in records if not each[1].startswith(b"#") or not _is_comment(each[1]))


def _is_comment(line: bytes) -> bool:
    if _COMMENT.match(line) is None or fault_of(line) is not None:
        return False
    cells = _head_cells(line, _delimiter_of(line))
    return not _has_headings(cells) and not (len(cells) > 1 and any(map(holds_name, cells)))


def _head_cells(line: bytes, delimiter: str) -> list[str]:
    """The cells of a row that may be one of headings; of one in a comment without its `#`."""
    cells = cells_of(line, delimiter)
    return cells if _COMMENT.match(line) is None or _has_headings(cells) else cells_of(line.lstrip(b"# "), delimiter)


def _has_headings(cells: list[str]) -> bool:
    found = read_headings(cells)
    return found is not None and len(found.addresses) + len(found.others) >= FEW_HEADINGS


def _find_columns(head: list[tuple[int, bytes]], column_map: ColumnMap | None) -> tuple[int, int, str, Columns]:
    """How many rows stand above the headings, where the rows begin, the delimiter, and the columns."""
    delimiters = [_delimiter_of(line) for _number, line in head]
    rows = (
        [] if fault_of(line) else _head_cells(line, delimiter)
        for (_number, line), delimiter in zip(head, delimiters, strict=True)
    )
    above, begin, columns = columns_of(rows, f"line {head[0][0]}", column_map)
    return above, begin, delimiters[above] if begin else _shared_delimiter(head), columns


def _quotes(line: bytes) -> int:
    return line.count(b'"')


def _is_odd(n_quotes: int) -> bool:
    return n_quotes % 2 == 1


def _delimiter_of(line: bytes) -> str:
    """The character that divides a row of headings: tab, semicolon, comma or bar, whichever it has most of."""
    return max(_DELIMITERS, key=lambda c: line.count(c.encode()))


def _shared_delimiter(head: list[tuple[int, bytes]]) -> str:
    """The character that divides most rows into equally many cells; where most have none of them, any does."""
    lines = [line for _number, line in head if not fault_of(line) and _COMMENT.match(line) is None]

    def shared(delimiter: str) -> tuple[int, int]:
        """How many rows have the commonest number of cells, and that number."""
        n_cells = Counter(len(cells_of(_BETWEEN_ADDRESSES.sub(b" ", line), delimiter)) for line in lines)
        n_rows, cells = max(((n_rows, cells) for cells, n_rows in n_cells.items()), default=(0, 1))
        return n_rows if cells > 1 else 0, cells

    return max(_DELIMITERS, key=shared)


def _quote_bare_link(link: re.Match[str]) -> str:
    before = link.string[: link.start()].rstrip(" ")
    is_quoted = before.endswith('"') and before.count('"') % 2 == 1
    return link[0] if is_quoted else '"' + link[0].replace('"', '""') + '"'
