"""Excel workbooks of a regulator: every sheet is a table, and its name the part of what it gives.

`line` is the row's number, `column` the cell's, from 1.  What a row says is in rules.formats.columns, how a hostile
file is read in rules.formats.workbook.  Dates are stored as numbers of days; no address looks like one.

Invariants: as those have them.  A hidden sheet is reported, not read: no one who approves the list has seen it.
"""

import io
import itertools
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from fastpath.images.verdict import Mode
from rules.base.errors import BadList
from rules.base.rule import Rule, SkippedLine, UrlRule, printable, skipped
from rules.formats.columns import (
    ABOVE_HEADINGS,
    LOOK_ROWS,
    ColumnMap,
    Columns,
    Fault,
    columns_of,
    letter_of,
    read_row,
    repeats_headings,
)
from rules.formats.elements import MAX_ROWS
from rules.formats.workbook import MAX_CELL_CHARACTERS, Row, Workbook

IS_HIDDEN = "the sheet is hidden: not read"
CELL_TOO_LONG = "a cell is longer than 32,767 characters"


def iter_rules(
    lines: Iterable[bytes], default_mode: Mode, column_map: ColumnMap | None = None
) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read a workbook, row by row.   Raises BadList for a file of another kind.   Cost: some 40 µs a row of six cells.

    lines  an open file that can seek; anything else is held in memory"""
    is_file = hasattr(lines, "seekable") and lines.seekable()
    workbook = Workbook(cast(BinaryIO, lines) if is_file else io.BytesIO(b"".join(lines)))
    n_rows = 0
    for sheet in workbook.sheets:
        part = printable(sheet.name.encode("utf-8", "surrogatepass"))
        if sheet.is_hidden:
            yield SkippedLine(1, 1, "", IS_HIDDEN, part=part)
            continue
        for item in _read_sheet(workbook.rows(sheet), part, default_mode, column_map):
            n_rows += 1
            if n_rows > MAX_ROWS:
                raise BadList(f"line {item.line}, sheet {part}: more than {MAX_ROWS:,} rows; not read; split the list")
            yield item


def iter_cells(file: BinaryIO) -> Iterator[tuple[str, int, list[str] | Fault, Columns | None]]:
    """The rows of every sheet that is seen: sheet, number, cells or why none exist, columns; None: above headings.

    A hidden sheet is one row at fault.   Raises BadList."""
    workbook = Workbook(file)
    for sheet in workbook.sheets:
        part = printable(sheet.name.encode("utf-8", "surrogatepass"))
        if sheet.is_hidden:
            yield part, 1, Fault(None, IS_HIDDEN), Columns()
            continue
        rows = workbook.rows(sheet)
        head = list(itertools.islice(rows, LOOK_ROWS))
        if not head:
            continue
        above, begin, columns = columns_of((row.cells for row in head), part, None)
        yield from ((part, row.number, row.cells, None) for row in head[:above])
        for row in itertools.chain(head[begin:], rows):
            is_too_long = any(len(cell) > MAX_CELL_CHARACTERS for cell in row.cells)
            yield part, row.number, Fault(None, CELL_TOO_LONG) if is_too_long else row.cells, columns


def _read_sheet(
    rows: Iterator[Row], part: str, mode: Mode, column_map: ColumnMap | None
) -> Iterator[Rule | UrlRule | SkippedLine]:
    head = list(itertools.islice(rows, LOOK_ROWS))
    if not head:
        return
    where = f"line {head[0].number}, sheet {part}"
    above, begin, columns = columns_of((row.cells for row in head), where, column_map)
    for row in head[:above]:
        yield _skipped(row, Fault(None, ABOVE_HEADINGS))._replace(part=part)
    for row in itertools.chain(head[begin:], rows):
        if not repeats_headings(row.cells, columns):
            yield from (item._replace(part=part) for item in _read(row, columns, mode))


def _read(row: Row, columns: Columns, mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    too_long = next((i for i, cell in enumerate(row.cells) if len(cell) > MAX_CELL_CHARACTERS), None)
    found = [Fault(too_long, CELL_TOO_LONG)] if too_long is not None else read_row(row.number, row.cells, columns, mode)
    for rule in found:
        yield (
            _skipped(row, rule)._replace(order_ref=letter_of(row.cells, columns)) if isinstance(rule, Fault) else rule
        )


def _skipped(row: Row, fault: Fault) -> SkippedLine:
    text = row.cells[fault.cell] if fault.cell is not None else " | ".join(row.cells)
    column = 1 if fault.cell is None else fault.cell + 1
    return skipped(row.number, column, text[:1024].encode("utf-8", "surrogatepass"), fault.reason)
