"""Which cell of a row holds its address: of those that name the same host, the one that says least.

    bad.example ; www.bad.example ; 192.0.2.7        the name below
    bad.example ; http://bad.example/page            the page, in whichever order they stand
    bad.example ; http://other.example/page          neither: only a person knows which one is meant

Invariants: a row that names a page never gives its host, one that names a host never the host's parent; a URL that
cannot be read hides behind no name: it is the row's address, and its fault the row's.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from fastpath.images.verdict import Mode
from rules.errors import BadName
from rules.formats.addresses import addresses_of, clean, is_blank, rule_of_cell
from rules.names.canonical import IS_ADDRESS, canonical_wire, with_parents
from rules.rule import Rule, UrlRule

OTHER_HOST = "the row's host and its URL do not belong together: which of them is meant is not known"

_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,}")
_ADDRESS = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,})?(?:\*\.|\.)?([^/\\?#]*)")


class Narrowest(NamedTuple):
    """The cell of a row that says least, and why it may not be taken, if so."""

    cell: int
    fault: str | None = None


def narrowest_of(
    cells: Sequence[str], addresses: Sequence[int], unknown: Iterable[int], others: Collection[int]
) -> Narrowest | None:
    """Find the cell; None where the row has no address.   Cost: some 5 µs for each cell that names something.

    addresses  columns that hold one by their headings; none: every cell that holds a name, but those of `others`
    unknown    columns whose headings say nothing: a URL in one of them may say less than the row's name"""
    ours = _not_blank(cells, addresses) if addresses else _holding_names(cells, others)
    at = next(ours, None)
    if at is None:
        return None
    said = _rules_of(cells[at])
    for each, is_ours in [*((i, True) for i in ours), *((i, False) for i in _not_blank(cells, unknown))]:
        if said is None or all(isinstance(rule, UrlRule) and rule.mode is Mode.EXACT for rule in said):
            break  # nothing says less
        less = _rules_of(cells[each])
        if less is None:
            if _is_broken_url(cells[each], said, is_ours):
                return Narrowest(each)
        elif not is_ours and not all(isinstance(rule, UrlRule) for rule in less):
            continue  # a name server's, a registrar's
        elif _all_say_less(less, said):
            at, said = each, less
        elif _one_says_less(less, said) or (is_ours and _is_elsewhere(less, cells[at])):
            return Narrowest(each, OTHER_HOST)
    return Narrowest(at)


def holds_name(cell: str) -> bool:
    """Whether a cell without a heading is an address: a name of two labels or more, or a URL."""
    try:
        text = clean(cell)
        found = _ADDRESS.match(text)
        if found is None or found[1]:
            return found is not None
        host = found[2].rpartition("@")[2] if found.end() < len(text) else found[2]
        if "." not in host.strip(".") or is_blank(cell):
            return False
        canonical_wire(host)
    except BadName:
        return False
    return True


def is_bare_address(cell: str) -> bool:
    """Whether a cell holds an IP address."""
    try:
        canonical_wire(clean(cell))
    except BadName as why:
        return why.reason == IS_ADDRESS
    return False


# ----------------------------------------------------------------------------------------------------------------------


def _not_blank(cells: Sequence[str], columns: Iterable[int]) -> Iterator[int]:
    return (i for i in columns if i < len(cells) and not is_blank(cells[i]))


def _holding_names(cells: Sequence[str], others: Collection[int]) -> Iterator[int]:
    return (i for i, cell in enumerate(cells) if i not in others and holds_name(cell))


def _rules_of(cell: str) -> list[Rule | UrlRule] | None:
    """What each address of a cell names; None where one cannot be read."""
    try:
        return [rule_of_cell(address, Mode.EXACT, Mode.EXACT, 0) for address in addresses_of(cell)]
    except BadName:
        return None


def _is_broken_url(cell: str, said: Iterable[Rule | UrlRule], is_ours: bool) -> bool:
    """Whether a cell that cannot be read is a URL of the row's host, or of one that cannot be read either."""
    try:
        text = clean(cell)
    except BadName:
        return False
    found = _ADDRESS.match(text)
    if found is None or (not found[1] and found.end() == len(text)):
        return False
    try:
        host = canonical_wire(found[2].rpartition("@")[2])
    except BadName:
        return is_ours and ":" in (found[1] or "")
    return any(_is_related(host, rule.wire if isinstance(rule, Rule) else _host_of(rule)) for rule in said)


def _is_elsewhere(less: Iterable[Rule | UrlRule], cell: str) -> bool:
    """Whether a URL of another host stands beside a bare name; beside the URL of a whole host it is a reference."""
    return not _SCHEME.match(clean(cell)) and any(isinstance(rule, UrlRule) for rule in less)


def _all_say_less(less: Sequence[Rule | UrlRule], said: Sequence[Rule | UrlRule]) -> bool:
    """Whether each address says less than one of `said`, and each of `said` is meant by one of them."""
    return all(any(_says_less(a, b) for b in said) for a in less) and all(
        any(_says_less(a, b) for a in less) for b in said
    )


def _one_says_less(less: Iterable[Rule | UrlRule], said: Sequence[Rule | UrlRule]) -> bool:
    return any(_says_less(a, b) for a in less for b in said)


def _says_less(one: Rule | UrlRule, other: Rule | UrlRule) -> bool:
    is_below = other.mode is not Mode.EXACT and one.mode is Mode.EXACT
    if isinstance(other, UrlRule):
        return isinstance(one, UrlRule) and is_below and one.url.startswith(other.url)
    if isinstance(one, UrlRule):
        return _is_related(_host_of(one), other.wire)
    return is_below if one.wire == other.wire else other.wire in with_parents(one.wire)


def _is_related(host: bytes | None, name: bytes | None) -> bool:
    """Whether one of two hosts is the other, or lies below it; None is an address."""
    return host is not None and name is not None and (name in with_parents(host) or host in with_parents(name))


def _host_of(rule: UrlRule) -> bytes | None:
    try:
        return canonical_wire(rule.url.partition(b"/")[0].decode("ascii"))
    except BadName:
        return None
