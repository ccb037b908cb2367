"""The list of Italy's CNCPO: semicolons, first `serial;timestamp`, then a row for each `url;domain;ip-url;ip`.

    00123;20260804
    http://bad.example/;bad.example;;

The domain repeats the host of the URL.  A row with a URL means that URL, not its whole domain; a domain alone means the
domain.  Addresses are reported, also next to a URL: neither name nor URL reaches them.

Invariants: a row is never widened; a domain that is another than the URL's is reported.
"""

from collections.abc import Iterable, Iterator

from fastpath.images.verdict import Mode
from rules.base.canonical import IS_ADDRESS, canonical_wire
from rules.base.errors import BadList, BadName
from rules.base.lines import fault_of, open_list
from rules.base.rule import Rule, SkippedLine, UrlRule, skipped
from rules.formats.addresses import rule_of_value
from rules.formats.elements import MAX_ROWS
from rules.formats.table import cells_of

N_COLUMNS = 4
OTHER_DOMAIN = "the row's domain differs from its URL's"
NOTHING = "the row has neither URL nor domain nor address"
TOO_MANY = "the row has more than four columns"


def iter_rules(lines: Iterable[bytes], default_mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read the list, lazily.   Raises BadList for a file of another kind.   Cost: some 5 µs a row."""
    has_serial = False
    for number, line in enumerate(open_list(lines), 1):
        if not line.strip():
            continue
        if number > MAX_ROWS:
            raise BadList(f"line {number}: more than {MAX_ROWS:,} rows; not read; split it into several lists")
        if not has_serial:
            _check_serial(number, line)
            has_serial = True
            continue
        fault = fault_of(line)
        if fault is not None:
            yield skipped(number, fault[0], line, fault[1])
        else:
            yield from _read_row(number, line, default_mode)
    if not has_serial:
        raise BadList("line 1: no serial;timestamp; not read; check what the source delivers")


def _check_serial(number: int, line: bytes) -> None:
    cells = [cell.strip() for cell in cells_of(line, ";")]
    if len(cells) < 2 or not cells[0].isdecimal() or not cells[1].isdecimal() or any(cells[2:]):
        raise BadList(f"line {number}: no serial;timestamp; not read; check what the source delivers")


def _read_row(number: int, line: bytes, mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    cells = [cell.strip() for cell in cells_of(line, ";")]
    url, domain, ip_url, ip = (*cells, "", "", "", "")[:N_COLUMNS]
    if any(cells[N_COLUMNS:]):
        yield skipped(number, 1, line, TOO_MANY)
        return
    if url or domain:
        try:
            yield _rule_of(number, url, domain, mode)
        except BadName as exc:
            yield skipped(number, _column_of(line, url or domain), line, exc.reason)
    if ip_url or ip:
        yield skipped(number, _column_of(line, ip_url or ip), line, IS_ADDRESS)
    elif not url and not domain:
        yield skipped(number, 1, line, NOTHING)


def _rule_of(number: int, url: str, domain: str, mode: Mode) -> Rule | UrlRule:
    rule = rule_of_value(url or domain, mode, Mode.EXACT, number)
    if url and domain:
        host = rule.wire if isinstance(rule, Rule) else _host_of(rule.url)
        if host != canonical_wire(domain):
            raise BadName(OTHER_DOMAIN)
    return rule


def _host_of(url: bytes) -> bytes:
    return canonical_wire(url.partition(b"/")[0].decode("ascii"))


def _column_of(line: bytes, cell: str) -> int:
    return max(line.find(cell.encode("utf-8", "surrogateescape")), 0) + 1
