"""Statistics as CSV, and the bars of their charts: made of the statement alone, so that equal ones give equal octets.

Invariants: no cell is a formula; a bar has its number.
Source: RFC 4180.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from mgmt.ledger.signed_statement import digest_of
from mgmt.registers.records.statistics.cells import DIMENSIONS, SEEN
from mgmt.text.cells import plain_cell

FACTS = ("format", "quarter", "zone", "node", "made", "least", "is_whole")
TABLES = ("blocks", "csam", "appeals", "bypass", "orders")
CHARTS = ("month", "province", "category", "channel", "list", "outcome")
MOST_BARS = 25  # of a chart; what is more is one bar
BAR, LINE = 300.0, 22  # of the longest bar, and from one to the next, in pixels

Words = Callable[[str, str | None], str]  # (dimension, value) → what it is called; None: the rest


class Bar(NamedTuple):
    """label  what it is;   n  how many;   width  of BAR, in pixels;   y  of its line"""

    label: str
    n: int
    width: float
    y: int


class Chart(NamedTuple):
    """The blocks of each value of a dimension; together they are all of them."""

    dimension: str
    bars: list[Bar]

    @property
    def height(self) -> int:
        return LINE * len(self.bars)


def csv_of(text: str, note: str) -> bytes:
    """Facts, a line each; then each table under its name, with a head.   UTF-8 with a mark, as Excel wants it"""
    out = io.StringIO()
    csv.writer(out).writerows([plain_cell(cell) for cell in row] for row in _lines(json.loads(text), text, note))
    return ("\ufeff" + out.getvalue()).encode()


def charts_of(said: dict[str, Any], words: Words) -> list[Chart]:
    """A chart for each dimension that tells something."""
    rows = blocked(said["blocks"])
    return [_chart(rows, dimension, words) for dimension in CHARTS] if rows else []


def blocked(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of a statement's rows of blocks: without what a tap has only seen."""
    return [row for row in rows if row["outcome"] != SEEN]


# ----------------------------------------------------------------------------------------------------------------------


def _lines(said: dict[str, Any], text: str, note: str) -> Iterator[list[str]]:
    for name in FACTS:
        yield [name, _cell(said[name])]
    yield ["statement sha256", digest_of(text)]
    yield ["signature", " ".join(note.split())]
    for name in TABLES:
        yield []
        yield [name] if said[name] is not None else [name, "not said"]
        yield from _table([_flat(row) for row in said[name] or ()], DIMENSIONS if name == "blocks" else ())


def _table(rows: Sequence[dict[str, Any]], first: Sequence[str]) -> Iterator[list[str]]:
    if rows:
        columns = [*first, *(name for name in rows[0] if name not in first)]
        yield columns
        for row in rows:
            yield [_cell(row[name]) for name in columns]


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose objects are columns of their own."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        flat |= {f"{name}_{part}": each for part, each in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _chart(rows: Sequence[dict[str, Any]], dimension: str, words: Words) -> Chart:
    """Bars by count, the months by time; what sums do not say comes last."""
    counts: Counter[str | None] = Counter()
    for row in rows:
        counts[row[dimension]] += row["count"]
    named = [each for each in counts if each is not None]
    named.sort() if dimension == "month" else named.sort(key=lambda value: (-counts[value], value))
    rest = counts[None] + sum(counts[value] for value in named[MOST_BARS:])
    found = [(words(dimension, value), counts[value]) for value in named[:MOST_BARS]]
    found += [(words(dimension, None), rest)] if rest else []
    most = max(count for _, count in found)
    return Chart(
        dimension,
        [Bar(label, count, round(BAR * count / most, 1), LINE * at) for at, (label, count) in enumerate(found)],
    )
