"""The columns of a regulator's table, and what a row of it says; for every format that has rows and cells.

Columns are found by their headings, or given by a column map, `url:1;type:2` (numbers from 1, or headings); without
either, the first cell of a row that holds a name counts.  Of a URL and a domain in one row the URL counts, wherever
they stand: it says less (rules.formats.addresses).
A remark may say that a URL is meant as a prefix; a type says whether an address is a url, a domain or a host.

Invariants: a row never blocks more than it names; a row that asks to unblock (rules.base.remark) is reported, not
obeyed (an order is withdrawn by the one who gave it); a formula in a cell that is read is reported, always.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from fastpath.images.verdict import Mode
from rules.base.canonical import IS_ADDRESS
from rules.base.errors import BadList, BadName, BadSource
from rules.base.remark import asks_to_unblock
from rules.base.rule import Rule, UrlRule
from rules.formats.addresses import (
    FORMULA,
    addresses_of,
    in_urdu,
    is_bare_address,
    is_blank,
    is_formula,
    narrowest_of,
    our_digits,
    rule_of_cell,
    tidy,
)

URL_HEADINGS = frozenset(
    {
        "url",
        "urls",
        "url/link",
        "website/url",
        "url/domain",
        "urls/domains",
        "link",
        "links",
        "web link",
        "web links",
        "web address",
        "website",
        "websites",
        "website address",
        "site",
        "sites",
        "address",
        "blocked url",
        "blocked urls",
        "ویب سائٹ",
        "ویب ایڈریس",
        "یو آر ایل",
        "لنک",
        "پتہ",
    }
)
NAME_HEADINGS = frozenset(
    {
        "domain",
        "domains",
        "domain name",
        "domain names",
        "host",
        "hosts",
        "hostname",
        "host name",
        "fqdn",
        "ڈومین",
        "ڈومین نام",
    }
)
ORDER_HEADINGS = frozenset(
    {
        "ref",
        "ref no",
        "reference",
        "reference no",
        "reference number",
        "letter",
        "letter no",
        "letter number",
        "letter ref",
        "order",
        "order no",
        "order number",
        "pta letter no",
        "pta ref",
        "خط نمبر",
        "مراسلہ نمبر",
        "حوالہ",
        "حوالہ نمبر",
    }
)
# Of the letter that this one takes the place of; lists leave them alone.
CORRECTS_HEADINGS = frozenset({"corrects", "corrects ref", "corrects letter", "corrects letter no", "correction of"})
REMARK_HEADINGS = frozenset(
    {
        "action",
        "remarks",
        "remark",
        "remarks/action",
        "action/remarks",
        "status",
        "match",
        "match type",
        "scope",
        "کارروائی",
        "ریمارکس",
        "کیفیت",
    }
)
TYPE_HEADINGS = frozenset({"type", "kind", "entry type"})
OTHER_HEADINGS = frozenset(
    {
        "category",
        "categories",
        "nature of content",
        "nature",
        "content",
        "ground",
        "grounds",
        "subject",
        "date",
        "dated",
        "letter date",
        "date of letter",
        "order date",
        "added",
        "date added",
        "deadline",
        "time",
        "s no",
        "s/no",
        "s n",
        "sr",
        "sr no",
        "sr #",
        "serial",
        "serial no",
        "no",
        "#",
        "id",
        "نمبر شمار",
        "شمار",
        "تاریخ",
        "زمرہ",
        "قسم",
        "نوعیت",
        "مواد",
    }
)
FEW_HEADINGS = 2  # known ones that make a row one of headings, though none says which is the address
LOOK_ROWS = 20  # in which headings are looked for: letters have a letterhead above them
MAX_COLUMNS = 256  # of a row; what stands to the right of them is not read

ABOVE_HEADINGS = "the row is above the headings"
ASKS_TO_UNBLOCK = "the row speaks of unblocking, or of not blocking: withdraw the order, or write the remark otherwise"
NO_NAME = "no cell of the row holds a name"
EMPTY_CELL = "the row has no address"
TOO_MANY_CELLS = "the row has more cells than headings: a comma or semicolon of a URL stands in quotes"
UNKNOWN_TYPE = "the row's type is not url, domain or host"
TYPE_IS_NAME = "the row's type is a name, but its address is a URL with a path: not widened"

MAP_KEYS = ("url", "type", "order", "action", "added", "category")
_ADDRESS_HEADINGS = URL_HEADINGS | NAME_HEADINGS
_MAP_ALIASES = {
    "address": "url",
    "domain": "url",
    "host": "url",
    "kind": "type",
    "ref": "order",
    "letter": "order",
    "remarks": "action",
    "match": "action",
    "date": "added",
}
_TYPES = {
    "url": "url",
    "uri": "url",
    "link": "url",
    "domain": "domain",
    "domain-name": "domain",
    "host": "host",
    "hostname": "host",
    "fqdn": "host",
}
_PREFIX = re.compile(r"\bprefix\b|\band (?:everything )?below\b")


class Columns(NamedTuple):
    """Where things stand in a row, from 0."""

    addresses: tuple[int, ...] = ()  # the first that is not blank counts; none: the first cell that holds a name
    order: int | None = None
    type: int | None = None
    remarks: tuple[int, ...] = ()
    others: frozenset[int] = frozenset()  # columns that are known to hold no address
    width: int | None = None  # of the row of headings; None: none exists
    corrects: int | None = None  # the letter that is corrected
    unknown: tuple[int, ...] = ()  # columns of headings that no one knows, next to those of addresses


class ColumnMap(NamedTuple):
    """Columns as a source's description tells them."""

    fields: tuple[tuple[str, str], ...]  # key of MAP_KEYS, number from 1 or heading

    @property
    def has_headings(self) -> bool:
        """Whether the file must begin with a row of headings."""
        return not all(where.isdecimal() for _key, where in self.fields)


class Fault(NamedTuple):
    """Why a row is not enforced."""

    cell: int | None  # which one is at fault; None: the row
    reason: str


class Remark(NamedTuple):
    """What a remark asks for."""

    is_unblock: bool
    is_prefix: bool
    mode: Mode | None
    is_formula: bool


def parse_columns(told: str | Mapping[str, object]) -> ColumnMap:
    """Read a column map: `url:1;type:2`, or {"url": 1, "type": "Kind of entry"}.   Raises BadSource."""
    pairs = [(k, str(v)) for k, v in told.items()] if isinstance(told, Mapping) else _split_map(told)
    fields: dict[str, str] = {}
    for said, where in pairs:
        key = _MAP_ALIASES.get(said.strip().lower(), said.strip().lower())
        if key not in MAP_KEYS:
            raise BadSource(f"columns: {said!r} is not known; not accepted; write {', '.join(MAP_KEYS)}")
        if key in fields:
            raise BadSource(f"columns: {key} is repeated; not accepted; write it once")
        if not where.strip() or (where.strip().isdecimal() and not 1 <= int(where[:9]) <= MAX_COLUMNS):
            raise BadSource(
                f"columns: {key}: {where!r} is not a column; not accepted; write 1 to {MAX_COLUMNS} or a heading"
            )
        fields[key] = where.strip()
    if "url" not in fields:
        raise BadSource("columns: no column for the address; not accepted; add url:NUMBER")
    return ColumnMap(tuple(sorted(fields.items())))


def find_headings(rows: Iterable[Sequence[str]], column_map: ColumnMap | None) -> tuple[int, Columns] | None:
    """Which of the first rows is the one of headings, from 0, and the columns by it; None where none exists.

    A single known word counts in the first row alone: below it, it may be someone's entry."""
    for at, cells in enumerate(rows):
        found = read_headings(cells, column_map)
        if found is None:
            continue
        if at == 0 or column_map is not None or len(found.addresses) + len(found.others) >= FEW_HEADINGS:
            return at, found
    return None


def columns_of(rows: Iterable[Sequence[str]], where: str, column_map: ColumnMap | None) -> tuple[int, int, Columns]:
    """Of a table's first rows: how many stand above the headings, how many are no rows, and the columns.

    where  the table begins, for BadList where its map needs headings and it has none"""
    found = find_headings(rows, column_map)
    if found is not None:
        return found[0], found[0] + 1, found[1]
    return 0, 0, default_columns(where, column_map)


def default_columns(where: str, column_map: ColumnMap | None) -> Columns:
    """The columns of a table without headings.   Raises BadList where its map needs some."""
    if column_map is None:
        return Columns()
    if column_map.has_headings:
        wanted = ", ".join(heading for _key, heading in column_map.fields if not heading.isdecimal())
        raise BadList(f"{where}: no headings {wanted}; not read; check the source's columns")
    return numbered_columns(column_map)


def repeats_headings(cells: Sequence[str], columns: Columns) -> bool:
    """Whether a row is the headings again, as at the top of a printed page."""
    at = columns.addresses[0] if columns.addresses else len(cells)
    return at < len(cells) and "." not in cells[at] and heading_of(cells[at]) in _ADDRESS_HEADINGS


def read_headings(cells: Iterable[str], column_map: ColumnMap | None = None) -> Columns | None:
    """Find the columns by a row; None where it is no row of headings."""
    headings = [heading_of(cell) for cell in cells]
    if column_map is not None:
        return _mapped(headings, column_map)

    def every(known: frozenset[str]) -> tuple[int, ...]:
        return tuple(i for i, heading in enumerate(headings) if heading in known)

    addresses = every(URL_HEADINGS) + every(NAME_HEADINGS)
    orders, types, remarks = every(ORDER_HEADINGS), every(TYPE_HEADINGS), every(REMARK_HEADINGS)
    corrects = every(CORRECTS_HEADINGS)
    others = frozenset((*orders, *types, *remarks, *corrects, *every(OTHER_HEADINGS)))
    if not addresses and len(others) < FEW_HEADINGS:
        return None
    # a type counts only where the rows' own column for it is known; people write "Type: gambling" as well
    order, corrected = (orders[0] if orders else None), (corrects[0] if corrects else None)
    unknown = tuple(i for i in range(len(headings)) if addresses and i not in others and i not in addresses)
    return Columns(addresses, order, None, remarks, others, len(headings), corrected, unknown)


def numbered_columns(column_map: ColumnMap) -> Columns:
    """The columns of a map of numbers."""
    at = {key: int(where) - 1 for key, where in column_map.fields}
    remarks = (at["action"],) if "action" in at else ()
    return Columns((at["url"],), at.get("order"), at.get("type"), remarks)


def heading_of(cell: str) -> str:
    """A heading, however it is spaced and written."""
    spaced = re.sub(r"[\s._:]+", " ", in_urdu(tidy(cell))).strip().lower()
    return re.sub(" ?/ ?", "/", spaced)


def addresses_in(cells: Sequence[str], columns: Columns) -> list[str] | Fault:
    """The addresses of a row as they are there, not yet read as rules; why it has none."""
    if columns.width is not None and any(map(tidy, cells[columns.width :])):
        return Fault(None, TOO_MANY_CELLS)
    at = _address_at(cells, columns)
    if isinstance(at, int):
        return addresses_of(cells[at])
    return at if at.cell is None or at.reason != IS_ADDRESS else [cells[at.cell]]


def remarks_in(cells: Sequence[str], columns: Columns) -> list[Remark]:
    """What each remark of a row asks for."""
    return [remark_of(cells[column]) for column in columns.remarks if column < len(cells)]


def read_row(line: int, cells: Sequence[str], columns: Columns, mode: Mode) -> list[Rule | UrlRule | Fault]:
    """Read one row: a rule, or the fault, of each address in its cell.   mode  of a bare name.   Cost: some 10 µs."""
    if columns.width is not None and any(map(tidy, cells[columns.width :])):
        return [Fault(None, TOO_MANY_CELLS)]
    at = _address_at(cells, columns)
    if isinstance(at, Fault):
        return [at]
    return [_read_address(line, cells, columns, mode, at, address) for address in addresses_of(cells[at])]


def _read_address(
    line: int, cells: Sequence[str], columns: Columns, mode: Mode, at: int, address: str
) -> Rule | UrlRule | Fault:
    """Read one address of a row.   at  the cell that it stands in"""
    url_mode = Mode.EXACT
    for column in columns.remarks:
        remark = remark_of(cells[column]) if column < len(cells) else NO_REMARK
        if remark.is_unblock or remark.is_formula:
            return Fault(at if remark.is_unblock else column, ASKS_TO_UNBLOCK if remark.is_unblock else FORMULA)
        url_mode = Mode.SUBTREE if remark.is_prefix else url_mode
        mode = mode if remark.mode is None else remark.mode
    order = _order_cell(cells, columns)
    if is_formula(order):
        return Fault(columns.order, FORMULA)
    try:
        if columns.type is not None:
            kind = cells[columns.type] if columns.type < len(cells) else ""
            return _typed_rule(address, kind, url_mode, line, order_of(order))
        return rule_of_cell(address, mode, url_mode, line, order_of(order))
    except BadName as exc:
        is_of_type = exc.reason == UNKNOWN_TYPE and columns.type is not None and columns.type < len(cells)
        return Fault(columns.type if is_of_type else at, exc.reason)


def letter_of(cells: Sequence[str], columns: Columns) -> str | None:
    """The letter that a row names, no matter what else is wrong with the row."""
    return _letter_at(cells, columns.order)


def corrected_of(cells: Sequence[str], columns: Columns) -> str | None:
    """The letter that a row says it corrects, in the same way."""
    return _letter_at(cells, columns.corrects)


def _letter_at(cells: Sequence[str], at: int | None) -> str | None:
    said = cell_at(cells, at)
    return None if is_formula(said) else order_of(said)


def _order_cell(cells: Sequence[str], columns: Columns) -> str:
    return cell_at(cells, columns.order)


def cell_at(cells: Sequence[str], at: int | None) -> str:
    """A cell; '' where the row ends before it, or there is no such column."""
    return cells[at] if at is not None and at < len(cells) else ""


# Sheets repeat themselves: one letter orders thousands of rows, and nearly all of them say "Block".
@lru_cache(4096)
def order_of(cell: str) -> str | None:
    """The letter that a row names; None where it names none."""
    return None if is_blank(cell) else our_digits(tidy(cell))


@lru_cache(4096)
def remark_of(cell: str) -> Remark:
    """What a remark, an action or a kind of match asks for."""
    text = in_urdu(tidy(cell)).lower()
    modes = {"exact": Mode.EXACT, "subtree": Mode.SUBTREE}
    return Remark(asks_to_unblock(text), _PREFIX.search(text) is not None, modes.get(text), is_formula(cell))


NO_REMARK = Remark(False, False, None, False)


def _typed_rule(address: str, said: str, url_mode: Mode, line: int, order_ref: str | None) -> Rule | UrlRule:
    kind = _TYPES.get(tidy(said).lower())
    if kind is None:
        raise BadName(UNKNOWN_TYPE)
    # a URL of a host's first page is a name (semantics §6); it must not become the subtree
    rule = rule_of_cell(address, Mode.SUBTREE if kind == "domain" else Mode.EXACT, url_mode, line, order_ref)
    if kind != "url" and isinstance(rule, UrlRule):
        raise BadName(TYPE_IS_NAME)
    return rule


def _address_at(cells: Sequence[str], columns: Columns) -> int | Fault:
    """The cell with the address; why none exists."""
    found = narrowest_of(cells, columns.addresses, columns.unknown, columns.others)
    if found is None:
        return Fault(*_why_no_address(cells, columns))
    return found.cell if found.fault is None else Fault(found.cell, found.fault)


def _why_no_address(cells: Sequence[str], columns: Columns) -> tuple[int | None, str]:
    if columns.addresses:
        return None, EMPTY_CELL
    for i, cell in enumerate(cells):
        if is_formula(cell):
            return i, FORMULA
        if "." in cell and i not in columns.others and is_bare_address(cell):
            return i, IS_ADDRESS
    return None, NO_NAME


def _split_map(text: str) -> list[tuple[str, str]]:
    pairs = []
    for part in filter(None, text.split(";")):
        key, colon, where = part.partition(":")
        if not colon:
            raise BadSource(f"columns: {part!r} is not a pair; not accepted; write url:1;type:2")
        pairs.append((key, where))
    return pairs


def _mapped(headings: Sequence[str], column_map: ColumnMap) -> Columns | None:
    """Columns known by headings, or by numbers below a row of headings; None where the row has none."""
    if not column_map.has_headings:
        columns = numbered_columns(column_map)
        at = columns.addresses[0]
        return columns if at < len(headings) and headings[at] in _ADDRESS_HEADINGS else None
    at_of = {heading: i for i, heading in reversed(list(enumerate(headings)))}
    numbers = []
    for key, where in column_map.fields:
        at = int(where) - 1 if where.isdecimal() else at_of.get(heading_of(where), -1)
        if at < 0:
            return None
        numbers.append((key, str(at + 1)))
    return numbered_columns(ColumnMap(tuple(numbers)))
