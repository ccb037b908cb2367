"""A file of names for `filterd sessions names`: which line has which name, CSV without a heading or NDJSON.

    7,flat3@isp.example
    {"line": 7, "name": "flat3@isp.example"}

Invariants: every row is read before one of them counts; of rows that cannot be taken, the first few are kept and all
are counted.   Memory: some 200 octets a row.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from filterd.client.line_file import cells_of, texts
from parental.policy.line_names import why_no_name
from parental.policy.subscriber import MAX_ID

MOST_ROWS = 5_000_000  # some GB of memory; a gateway has a tenth of the lines
FIRST_BAD = 20


@dataclass(slots=True)
class NameRows:
    """What a file says.

    wanted  name → (its line, the number of the row)
    bad     the first rows that cannot be taken: number, why;   n_bad  how many there are"""

    wanted: dict[str, tuple[int, int]] = field(default_factory=dict)
    bad: list[tuple[int, str]] = field(default_factory=list)
    n_bad: int = 0

    def refuse(self, number: int, why: str) -> None:
        """A row cannot be taken."""
        self.n_bad += 1
        if len(self.bad) < FIRST_BAD:
            self.bad.append((number, why))

    def take(self, number: int, line: int, name: str) -> None:
        """A row as it was read."""
        if len(self.wanted) >= MOST_ROWS:
            self.refuse(number, f"more than {MOST_ROWS:,} names; split the file")
        elif not 1 <= line <= MAX_ID:
            self.refuse(number, f"no number of a line; write 1 to {MAX_ID}")
        elif why := why_no_name(name):
            self.refuse(number, why)
        elif self.wanted.setdefault(name, (line, number))[0] != line:
            self.refuse(number, f"row {self.wanted[name][1]} gives this name to another line; write one of them")


def read_names(file: BinaryIO, is_csv: bool) -> NameRows:
    """Read a whole file."""
    found = NameRows()
    for number, line, name in (_csv_rows if is_csv else _json_rows)(file, found):
        found.take(number, line, name)
    return found


def _csv_rows(file: BinaryIO, found: NameRows) -> Iterator[tuple[int, int, str]]:
    for number, text in texts(file, found.refuse):
        cells = cells_of(text.removeprefix("\ufeff"))
        if cells is None or len(cells) != 2 or not _is_number(cells[0]):
            found.refuse(number, "not LINE,NAME")
        else:
            yield number, int(cells[0]), cells[1]


def _json_rows(file: BinaryIO, found: NameRows) -> Iterator[tuple[int, int, str]]:
    for number, text in texts(file, found.refuse):
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or type(said.get("line")) is not int or type(said.get("name")) is not str:
            found.refuse(number, 'not {"line": NUMBER, "name": "…"}')
        else:
            yield number, said["line"], said["name"]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10
