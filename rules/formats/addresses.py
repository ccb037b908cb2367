"""Reads a cell or a feed's value as a rule: a name or a URL.

What people and programs do to addresses is undone first: quotes, hxxp, [.], no-break and zero-width spaces,
Arabic-Indic digits, =HYPERLINK("address","text").

`*.name` and `.name` mean the subtree; `/*` behind a URL's path means every path below it; any other address means what
its source says.

Invariants: a rule never blocks more than its address names: a URL with a path stays one, and one with a fragment means
the page that the fragment is a part of, never what lies below.
"""

import re

from fastpath.images.verdict import Action, Mode
from rules.errors import BadName
from rules.formats.lines import MAX_LINE_OCTETS, fault_of
from rules.names.canonical import is_joiner
from rules.names.urls import read_entry
from rules.rule import Rule, UrlRule

FORMULA = "the cell holds a formula"
BELOW_A_WILDCARD = "is a URL of any host below a name, which neither a name nor a URL rule can express"

# Nothing is seen of them: no-break spaces, soft hyphen, zero-width characters and left/right marks
_INVISIBLE = re.compile("[\u00a0\u00ad\u200b-\u200f\u202f\u2060\u3000\ufeff]")
_DEFANGED = re.compile(r"\[\s*(?:\.|dot)\s*\]|\(\s*(?:\.|dot)\s*\)|\{\s*\.\s*\}", re.IGNORECASE)
_DEFANGED_SCHEME = re.compile(r"\Ah(?:tt|xx|\*\*)p(s?)(?:\[:\]//|\[://\]|:[/\\]{2})", re.IGNORECASE)
_BRACKETS = frozenset("[({")
_HYPERLINK = re.compile(r'=\s*HYPERLINK\s*\(\s*"((?:[^"]|"")*)"\s*(?:[,;]\s*"(?:[^"]|"")*"\s*)?\)\s*', re.IGNORECASE)
_WILDCARD = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,})?(?:\*\.|\.)(?=[^./\\*])")
_HOST = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,})?([^/\\?#]*)")
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
