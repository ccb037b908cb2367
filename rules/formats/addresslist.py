"""One address or prefix a line: `192.0.2.7`, `192.0.2.0/24`, `192.0.2.1-192.0.2.9`, and the same of IPv6.

`#` and `;` begin a comment, in a line of its own or behind white space.  An answer that leads to a listed address is
judged as one that leads to a listed name is.

Invariants: a line becomes the rules of all its addresses and of no other, or none at all; see rules.base.prefixes.
"""

import re
from collections.abc import Iterable, Iterator

from fastpath.images.verdict import Action, Mode
from rules.base.errors import BadName
from rules.base.lines import fault_of, open_list
from rules.base.prefixes import read_prefixes, wires_of
from rules.base.rule import Rule, SkippedLine, skipped

_COMMENT = re.compile(rb"(?:^|\s)[#;].*", re.DOTALL)


def iter_rules(lines: Iterable[bytes], _default_mode: Mode) -> Iterator[Rule | SkippedLine]:
    """Read a list, lazily.   Raises BadList for a file that is no list.   Cost: some 10 µs a line."""
    for number, line in enumerate(open_list(lines), 1):
        fault = fault_of(line)
        if fault is not None:
            yield skipped(number, fault[0], line, fault[1])
            continue
        text = _COMMENT.sub(b"", line).strip()
        if not text:
            continue
        try:
            networks = read_prefixes(text.decode("utf-8", "surrogateescape"))
        except BadName as exc:
            yield skipped(number, line.index(text) + 1, line, exc.reason)
            continue
        for network in networks:
            for wire, mode in wires_of(network):
                yield Rule(wire, mode, Action.NO_ACTION, number)
