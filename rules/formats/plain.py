"""One name or URL a line.

`#` begins a comment, in a line of its own or behind a blank.  `*.name` and `.name` mean the subtree; a bare name means
what the source's `match` says.  A URL with a path, a query or a port means itself alone, with `/*` at its end every
path below.  Several addresses in one line are several rules where each has its scheme, or none has.
"""

from collections.abc import Iterable, Iterator

from fastpath.images.verdict import Action, Mode
from rules.base.canonical import canonical_octets
from rules.base.errors import BadName
from rules.base.lines import fault_of, open_list, without_comment
from rules.base.rule import Rule, SkippedLine, UrlRule, skipped
from rules.formats.addresses import addresses_of, rule_of_cell


def iter_rules(lines: Iterable[bytes], default_mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read a list, lazily.   Raises BadList for a file that is no list.   Cost: bench/compile.py."""
    return read_lines(lines, default_mode, Mode.EXACT)


def read_lines(lines: Iterable[bytes], mode: Mode, url_mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    """The same for lists that mean their URLs otherwise.   mode  of a bare name;   url_mode  of a URL."""
    no_action = Action.NO_ACTION
    for number, line in enumerate(open_list(lines), 1):
        try:
            wire = canonical_octets(line.strip())
        except BadName:
            pass  # read again below, as something else or for the reason
        else:
            if b":" not in line:  # a name with a port is narrower than the name
                yield Rule(wire, mode, no_action, number)
                continue
        yield from _read_line(number, line, mode, url_mode)


def _read_line(number: int, line: bytes, mode: Mode, url_mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read a line that is not just a name; nothing of a comment."""
    fault = fault_of(line)
    if fault is not None:
        yield skipped(number, fault[0], line, fault[1])
        return
    text = without_comment(line)
    for address in addresses_of(text.decode("utf-8", "surrogateescape")) if text else ():
        try:
            yield rule_of_cell(address, mode, url_mode, number)
        except BadName as exc:
            at = max(line.find(address.encode("utf-8", "surrogateescape")), 0)
            yield skipped(number, at + 1, line, exc.reason)
