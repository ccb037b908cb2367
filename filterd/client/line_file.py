"""A file of lines for `filterd subscribers import`, NDJSON or CSV, read in batches that the API takes.

    {"id": 7, "label": "Flat 3", "prefixes": ["192.0.2.7"], "province": "PK-PB", "account": 7}
    id,label,prefixes,province,account          prefixes separated by spaces

Invariants: every row that cannot be read is reported with its number, and the others are read; memory: one batch.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from filterd.box.errors import WrongUse
from filterd.images.explain.line_io import line_batches

BATCH_ROWS, BATCH_OCTETS = 1000, 900_000  # the API's limits, with room for what is around the rows
COLUMNS = ("id", "label", "prefixes", "province", "account")
NEEDED = COLUMNS[:3]
MAX_ROW_OCTETS = 64 * 2**10  # a line with 256 prefixes is a fifth of it
MOST_DIGITS = 18  # of a number that the API shall judge; a longer one is a text to it

_Scalar = str | int | float | bool | None
# Nothing else is sent: one row that is no JSON to the API would have all rows of its request refused.
_ROW = msgspec.json.Decoder(dict[str, _Scalar | list[_Scalar]])

Told = Callable[[int, str], None]  # the number of a row, from 1, and what is wrong with it


class Row(NamedTuple):
    """A row as the API takes it.

    number  in the file, from 1, the heading of a CSV file included;   octets  of its JSON"""

    number: int
    said: dict[str, Any]
    octets: int


def batches(file: BinaryIO, is_csv: bool, refuse: Told) -> Iterator[list[Row]]:
    """The rows of a file, as many as one request takes."""
    begun: list[Row] = []
    n_octets = 0
    for row in _csv_rows(file, refuse) if is_csv else _json_rows(file, refuse):
        if begun and (len(begun) == BATCH_ROWS or n_octets + row.octets > BATCH_OCTETS):
            yield begun
            begun, n_octets = [], 0
        begun.append(row)
        n_octets += row.octets
    if begun:
        yield begun


def is_csv_file(path: Path) -> bool:
    """By its name.   Raises WrongUse"""
    known = {".csv": True, ".ndjson": False, ".jsonl": False}
    if path.suffix.lower() not in known:
        raise WrongUse(f"{path}: neither .csv nor .ndjson; nothing done; give --format")
    return known[path.suffix.lower()]


def _json_rows(file: BinaryIO, refuse: Told) -> Iterator[Row]:
    for number, line in texts(file, refuse):
        try:
            yield _row(number, _ROW.decode(line))
        except msgspec.ValidationError:
            refuse(number, 'not a row; not taken; write {"id": …, "label": …, "prefixes": […]}')
        except msgspec.DecodeError as reason:
            refuse(number, f"not JSON ({reason}); not taken; write one object a line")


def _row(number: int, said: dict[str, Any]) -> Row:
    return Row(number, said, len(json.dumps(said)))


def _csv_rows(file: BinaryIO, refuse: Told) -> Iterator[Row]:
    heading: Sequence[str] | None = None
    for number, line in texts(file, refuse):
        cells = cells_of(line)
        if cells is None:
            refuse(number, "an end of line within a field; not taken; write one row a line")
        elif heading is None:
            heading = _heading(number, [cell.strip().removeprefix("\ufeff").lower() for cell in cells])
        elif len(cells) != len(heading):
            refuse(number, f"{len(cells)} fields, the heading has {len(heading)}; not taken; look for a stray comma")
        else:
            yield _row(number, _said(dict(zip(heading, map(str.strip, cells), strict=True))))


def cells_of(line: str) -> list[str] | None:
    """The fields of a line of CSV; None: it is no row."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return None


def _said(cells: dict[str, str]) -> dict[str, Any]:
    """A row of a CSV file as an object; an empty cell is not said."""
    said: dict[str, Any] = {key: text for key, text in cells.items() if text}
    said["prefixes"] = cells["prefixes"].split()
    for key in ("id", "account"):
        text = cells.get(key, "")
        if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS:
            said[key] = int(text)
    return said


def _heading(number: int, names: list[str]) -> list[str]:
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise WrongUse(
            f"row {number}: the heading lacks {', '.join(missing)}; nothing done; write {','.join(COLUMNS)} there, "
            "as UTF-8, separated by commas"
        )
    return names


def texts(file: BinaryIO, refuse: Told) -> Iterator[tuple[int, str]]:
    """(number, text) of every line that is not empty."""
    number = 0
    for lines in line_batches(file):
        for line in lines:
            number += 1
            if len(line) > MAX_ROW_OCTETS:
                refuse(number, f"too long; not taken; a row has at most {MAX_ROW_OCTETS}")
                continue
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as reason:
                refuse(number, f"not UTF-8 at octet {reason.start + 1}; not taken; save the file as UTF-8")
                continue
            if text.strip():
                yield number, text
