"""One name a line.

`#` begins a comment; `*.name` and `.name` mean the subtree; a bare name means what the source's `match` says.
"""
from collections.abc import Iterable, Iterator

from fastpath.verdict import Action, Mode
from rules.canonical import canonical_octets
from rules.errors import BadName
from rules.formats.lines import fault_of, open_list
from rules.rule import Rule, Skipped, skipped

IS_URL = "is a URL in a list of names: read the list with format=csv"


def iter_rules(lines: Iterable[bytes], default_mode: Mode) -> Iterator[Rule | Skipped]:
    """Read a list of names, lazily.   Raises BadList for a file that is no list.   Cost: bench/compile.py."""
    no_action = Action.NO_ACTION
    for number, line in enumerate(open_list(lines), 1):
        try:
            wire = canonical_octets(line.strip())
        except BadName:
            item = _read_line(number, line, default_mode)
            if item is not None:
                yield item
        else:
            yield Rule(wire, default_mode, no_action, number)


def _read_line(number: int, line: bytes, mode: Mode) -> Rule | Skipped | None:
    """Read a line that is not just a name; None for a comment."""
    fault = fault_of(line)
    if fault is not None:
        return skipped(number, fault[0], line, fault[1])
    text = line.partition(b"#")[0].strip()
    if not text:
        return None
    name = text
    if text.startswith((b"*.", b".")):
        name = text.removeprefix(b"*").removeprefix(b".")
        mode = Mode.SUBTREE
    try:
        return Rule(canonical_octets(name), mode, Action.NO_ACTION, number)
    except BadName as exc:
        reason = IS_URL if b"://" in text else exc.reason
        return skipped(number, line.index(text) + 1, line, reason)
