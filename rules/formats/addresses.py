"""Reads a cell or a feed's value as a rule: a name or a URL.

What people and programs do to addresses is undone first: quotes, hxxp, [.], no-break and zero-width spaces,
Arabic-Indic digits, =HYPERLINK("address","text").

`*.name` and `.name` mean the subtree; `/*` behind a URL's path means every path below it; any other address means what
its source says.

Of several cells of a row that name the same host, the one that says least holds the row's address:

    bad.example ; www.bad.example ; 192.0.2.7        the name below
    bad.example ; http://bad.example/page            the page, in whichever order they stand
    bad.example ; http://other.example/page          neither: only a person knows which one is meant

Invariants: a row that names a page never gives its host, one that names a host never the host's parent; a URL that
cannot be read hides behind no name: it is the row's address, and its fault the row's;
a rule never blocks more than its address names: a URL with a path stays one, and one with a fragment means
the page that the fragment is a part of, never what lies below.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from fastpath.images.verdict import Action, Mode
from rules.base.canonical import IS_ADDRESS, canonical_wire, is_joiner, with_parents
from rules.base.errors import BadName
from rules.base.lines import MAX_LINE_OCTETS, fault_of
from rules.base.rule import Rule, UrlRule
from rules.base.urls import read_entry

FORMULA = "the cell holds a formula"
BELOW_A_WILDCARD = "is a URL of any host below a name, which neither a name nor a URL rule can express"
UNKNOWN_HEADING = "a URL of the row's host stands under an unknown heading: which of them is meant is not known"
OTHER_HOST = "the row's host and its URL do not belong together: which of them is meant is not known"

# Nothing is seen of them: no-break spaces, soft hyphen, zero-width characters and left/right marks
_INVISIBLE = re.compile("[\u00a0\u00ad\u200b-\u200f\u202f\u2060\u3000\ufeff]")
_DEFANGED = re.compile(r"\[\s*(?:\.|dot)\s*\]|\(\s*(?:\.|dot)\s*\)|\{\s*\.\s*\}", re.IGNORECASE)
_DEFANGED_SCHEME = re.compile(r"\Ah(?:tt|xx|\*\*)p(s?)(?:\[:\]//|\[://\]|:[/\\]{2})", re.IGNORECASE)
_BRACKETS = frozenset("[({")
_HYPERLINK = re.compile(r'=\s*HYPERLINK\s*\(\s*"((?:[^"]|"")*)"\s*(?:[,;]\s*"(?:[^"]|"")*"\s*)?\)\s*', re.IGNORECASE)
_WILDCARD = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,})?(?:\*\.|\.)(?=[^./\\*])")
_HOST = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,})?([^/\\?#]*)")
_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,}")
_ADDRESS = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,})?(?:\*\.|\.)?([^/\\?#]*)")
_BETWEEN_URLS = re.compile(r"[,;|]?\s+(?:[,;|]\s+)?")
_BETWEEN_NAMES = re.compile(r"[\s,;]+")
_URL = re.compile(r"h(?:tt|xx)ps?(?::|\[:\])[/\\]{2}\S+", re.IGNORECASE)
_BARE_NAME = re.compile(r"(?:\*?\.)?[^\s./\\?#@:]+(?:\.[^\s./\\?#@:]+)+\.?")
_DIGITS = {zero + n: ord("0") + n for zero in (0x660, 0x6F0) for n in range(10)}
_QUOTES = "\"'`\u2018\u2019\u201c\u201d<>"
# The letters of Urdu as Arabic has them: all that Windows-1256 can write of some
_URDU = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "ه": "ہ", "ة": "ہ", "ۂ": "ہ"})
# What people, spreadsheets and databases write where nothing belongs
_PLACEHOLDERS = frozenset(
    {
        "n/a",
        "n / a",
        "na",
        "n.a",
        "n. a",
        "nil",
        "none",
        "null",
        "nan",
        "\\n",
        "empty",
        "blank",
        "not available",
        "not applicable",
        "not provided",
        "not given",
        "not known",
        "unknown",
        "کوئی نہیں",
        "کچھ نہیں",
        "نہیں",
        "نہیں ہے",
        "موجود نہیں",
        "دستیاب نہیں",
        "لاگو نہیں",
        "قابل اطلاق نہیں",
        "معلوم نہیں",
        "نامعلوم",
        "ندارد",
        "خالی",
    }
)
_AROUND_PLACEHOLDERS = " .…()[]{}#_-\u2010\u2011\u2012\u2013\u2014\u2212/۔ـ"


def rule_of_cell(cell: str, mode: Mode, url_mode: Mode, line: int, order_ref: str | None = None) -> Rule | UrlRule:
    """Read an address as a person has written it.   mode  of a bare name;   url_mode  of a URL.

    Raises BadName with the reason.   Cost: some 5 µs."""
    address = clean(cell)
    if address.endswith("/*") and "#" not in address:
        address, url_mode = address[:-1], Mode.SUBTREE
    wildcard = _WILDCARD.match(address)
    if wildcard is None:
        return rule_of_value(address, mode, url_mode, line, order_ref)
    rule = rule_of_value((wildcard[1] or "") + address[wildcard.end() :], Mode.SUBTREE, url_mode, line, order_ref)
    if isinstance(rule, UrlRule):
        raise BadName(BELOW_A_WILDCARD)
    return rule


def addresses_of(cell: str) -> list[str]:
    """The addresses that a person has written into one cell or line: several where each begins with its scheme, or each
    is a bare name; otherwise the cell as it stands, since a blank may be a part of a URL."""
    text = tidy(cell)
    if text.startswith("=") or _BETWEEN_NAMES.search(text) is None:
        return [cell]
    for between, is_one in ((_BETWEEN_URLS, _URL), (_BETWEEN_NAMES, _BARE_NAME)):
        parts = [part for part in between.split(text) if part]
        if len(parts) > 1 and all(is_one.fullmatch(part) for part in parts):
            return parts
    return [cell]


def rule_of_value(value: str, mode: Mode, url_mode: Mode, line: int, order_ref: str | None = None) -> Rule | UrlRule:
    """Read an address as a program has written it: nothing is undone.   Raises BadName with the reason."""
    fault = fault_of_text(value)
    if fault is not None:
        raise BadName(fault)
    wire, url = read_entry(value.strip())
    if wire is not None:
        return Rule(wire, mode, Action.NO_ACTION, line, order_ref)
    return UrlRule(url or b"", Mode.EXACT if "#" in value else url_mode, Action.NO_ACTION, line, order_ref)


def fault_of_text(text: str) -> str | None:
    """The reason for which no format may take a text, if there is one."""
    if len(text) <= MAX_LINE_OCTETS and text.isascii() and "\0" not in text:
        return None
    fault = fault_of(text.encode("utf-8", "surrogatepass"))
    return None if fault is None else fault[1]


def clean(cell: str) -> str:
    """The address in a cell.   Raises BadName where it is a formula that holds none."""
    text = tidy(cell)
    if text.startswith("="):
        link = _HYPERLINK.fullmatch(text)
        if link is None:
            raise BadName(FORMULA)
        text = tidy(link[1].replace('""', '"'))
    text = _DEFANGED_SCHEME.sub(r"http\1://", text, count=1)
    host = _HOST.match(text)
    if host is None or (text.isascii() and _BRACKETS.isdisjoint(host[2])):
        return text
    named = _DEFANGED.sub(".", host[2])
    ours = our_digits(named)
    # no registry mixes these digits with letters a-z
    return text[: host.start(2)] + (ours if ours.isascii() else named) + text[host.end(2) :]


def tidy(cell: str) -> str:
    """A cell as a person sees it: without what is not seen, without the quotes around it."""
    text = cell if cell.isascii() else _INVISIBLE.sub(_seen_joiner, cell)
    return text.strip().strip(_QUOTES).strip()


def is_blank(cell: str) -> bool:
    """Whether nothing stands in a cell, or what stands for nothing: `-`, `N/A`, `ندارد`."""
    text = " ".join(in_urdu(tidy(cell)).lower().split())
    bare = text.strip(_AROUND_PLACEHOLDERS)
    return not bare or bare in _PLACEHOLDERS or text in _PLACEHOLDERS


def in_urdu(text: str) -> str:
    """A text with the letters that Urdu has, however its keyboard wrote them."""
    return text if text.isascii() else text.translate(_URDU)


def _seen_joiner(mark: re.Match[str]) -> str:
    """Nothing is seen of a mark, but of a joiner that shapes the letters around it: it makes another name."""
    return mark[0] if is_joiner(mark.string, mark.start()) else ""


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would calculate the cell."""
    return tidy(cell).startswith("=")


def our_digits(text: str) -> str:
    """Arabic-Indic digits, of either set, as 0 to 9."""
    return text if text.isascii() else text.translate(_DIGITS)


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
        elif not is_ours and (_all_say_less(less, said) or _one_says_less(less, said)):
            return Narrowest(each, UNKNOWN_HEADING)
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
    """Whether a URL of another host is next to a bare name; next to the URL of a whole host it is a reference."""
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
