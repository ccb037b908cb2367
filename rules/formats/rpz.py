"""Response policy zones as master files: QNAME triggers and the actions that need no data.

`d CNAME .` NXDOMAIN · `CNAME *.` NODATA · `CNAME rpz-passthru.` · `CNAME rpz-drop.` · `CNAME rpz-tcp-only.` ·
`*.d` what is below d.  SOA, NS and directives are read and say nothing; triggers by address or name server and local
data are reported.  A record over several lines (parentheses) stands at its first line.

Invariants: the zone's apex is the SOA's owner, before it the first $ORIGIN; with neither, owners are the triggers.
Source: draft-vixie-dnsop-dns-rpz §4, §5; RFC 1035 §5.
"""
import re
from collections.abc import Iterable, Iterator

from fastpath.verdict import Action, Mode
from rules.canonical import canonical_octets
from rules.errors import BadName
from rules.formats.lines import fault_of, join_lines, open_list
from rules.rule import Rule, Skipped, skipped

ACTIONS = {
    b".": Action.NXDOMAIN,
    b"*.": Action.NODATA,
    b"rpz-passthru.": Action.PASSTHRU,
    b"rpz-drop.": Action.DROP,
    b"rpz-tcp-only.": Action.TCP_ONLY,
}
OTHER_TRIGGERS = (b"rpz-ip", b"rpz-client-ip", b"rpz-nsdname", b"rpz-nsip")
SILENT_TYPES = frozenset({b"SOA", b"NS"})
MAX_RECORD_LINES = 64       # in parentheses; a SOA takes seven

OTHER_TRIGGER = "a trigger by address or name server is not supported"
LOCAL_DATA = "local data is not supported in this version"
OUTSIDE = "the owner lies outside of the zone"
EVERY_NAME = "the rule covers every name"
NO_RECORD = "is no record of a zone file"
BAD_DIRECTIVE = "a directive that is not supported"
UNCLOSED = "a parenthesis is not closed"

_SIMPLE = re.compile(rb"([^\s;\"()$@]+)[ \t]+(?:(?:\d+|IN)[ \t]+){0,2}CNAME[ \t]+([^\s;\"()]+)\s*", re.IGNORECASE)
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\s;"()]+|[()]|(;.*)')
# Possessive: digits that a unit may follow or not can be grouped in 2**n ways, and a hostile line would try them all.
_TTL_OR_CLASS = re.compile(rb"(?:\d++[SMHDW]?+)++|IN|CH|HS|ANY", re.IGNORECASE)


def iter_rules(lines: Iterable[bytes], default_mode: Mode) -> Iterator[Rule | Skipped]:
    """Read a zone file, lazily.   Raises BadList for a file that is no list.   Cost: bench/compile.py."""
    zone = _Zone(default_mode)
    for number, line in join_lines(enumerate(open_list(lines), 1), _parentheses, _is_positive, MAX_RECORD_LINES):
        simple = _SIMPLE.fullmatch(line)
        if simple:
            zone.owner = simple[1]
            yield zone.rule(number, line, simple[1], simple[2])
        elif line.strip():
            item = _read_record(zone, number, line)
            if item is not None:
                yield item


class _Zone:
    """What one line of a zone file leaves to the next: origin, owner, apex."""

    def __init__(self, default_mode: Mode) -> None:
        self.mode = default_mode
        self.origin = b""       # absolute, lower case, without the last dot
        self.apex: bytes | None = None
        self.owner = b""        # as written

    def absolute(self, name: bytes) -> bytes:
        """Complete a name with the origin; without the last dot, lower case."""
        if name == b"@":
            return self.origin
        if name.endswith(b"."):
            return name[:-1].lower()
        return (name + b"." + self.origin if self.origin else name).lower()

    def set_origin(self, name: bytes) -> None:
        self.origin = self.absolute(name)
        if self.apex is None:
            self.apex = self.origin

    def trigger(self, owner: bytes) -> bytes | None:
        """The owner without the zone's apex; None where it lies outside."""
        name = self.absolute(owner)
        if not self.apex:
            return name
        if name.endswith(b"." + self.apex):
            return name[:-len(self.apex) - 1]
        return b"" if name == self.apex else None

    def rule(self, number: int, line: bytes, owner: bytes, target: bytes) -> Rule | Skipped:
        """The rule of one CNAME record."""
        column = _column(line, owner)
        trigger = self.trigger(owner)
        if trigger is None:
            return skipped(number, column, line, OUTSIDE)
        if trigger.endswith(OTHER_TRIGGERS) and trigger.rpartition(b".")[2] in OTHER_TRIGGERS:
            return skipped(number, column, line, OTHER_TRIGGER)
        action = ACTIONS.get(target.lower())
        # the draft's first edition wrote PASSTHRU as a name that is its own alias
        if action is None and self.absolute(target) == trigger:
            action = Action.PASSTHRU
        if action is None:
            return skipped(number, _column(line, target), line, LOCAL_DATA)
        if trigger in (b"", b"*"):
            return skipped(number, column, line, EVERY_NAME)
        mode, name = (Mode.BELOW, trigger[2:]) if trigger.startswith(b"*.") else (self.mode, trigger)
        try:
            return Rule(canonical_octets(name), mode, action, number)
        except BadName as exc:
            return skipped(number, column, line, exc.reason)


def _read_record(zone: _Zone, number: int, line: bytes) -> Rule | Skipped | None:
    """Read anything but a plain CNAME line: directives, comments, inherited owners, parentheses, other types."""
    fault = fault_of(line)
    if fault is not None:
        return skipped(number, fault[0], line, fault[1])
    if _parentheses(line) > 0:
        return skipped(number, _column(line, b"("), line, UNCLOSED)
    words = _words(line)
    if words is None:
        return skipped(number, 1, line, NO_RECORD)
    words = [word for word in words if word not in (b"(", b")")]
    if not words:
        return None
    if words[0].startswith(b"$"):
        return _read_directive(zone, number, line, words)
    if line[:1] not in (b" ", b"\t"):
        zone.owner = words.pop(0)
    while words and _TTL_OR_CLASS.fullmatch(words[0]):
        words.pop(0)
    return _read_data(zone, number, line, words)


def _read_data(zone: _Zone, number: int, line: bytes, words: list[bytes]) -> Rule | Skipped | None:
    """Read type and data of a record; its owner stands in the zone."""
    rtype = words[0].upper() if words else b""
    if len(words) < 2 or not zone.owner or not rtype[:1].isalpha():
        return skipped(number, 1, line, NO_RECORD)
    if rtype == b"SOA":
        zone.apex = zone.absolute(zone.owner)
    if rtype in SILENT_TYPES:
        return None
    if rtype != b"CNAME":
        return skipped(number, _column(line, words[0]), line, LOCAL_DATA)
    if len(words) != 2:
        return skipped(number, 1, line, NO_RECORD)
    return zone.rule(number, line, zone.owner, words[1])


def _read_directive(zone: _Zone, number: int, line: bytes, words: list[bytes]) -> Skipped | None:
    directive = words[0].upper()
    if directive == b"$ORIGIN" and len(words) == 2:
        zone.set_origin(words[1])
        return None
    if directive == b"$TTL":
        return None
    return skipped(number, _column(line, words[0]), line, BAD_DIRECTIVE)


def _column(line: bytes, word: bytes) -> int:
    """Where a word stands; 1 for an owner that an earlier line has given."""
    return max(line.find(word), 0) + 1


def _words(line: bytes) -> list[bytes] | None:
    """Split one line; None where a quote is not closed."""
    words = []
    at = 0
    text = line.rstrip()
    while at < len(text):
        if text[at:at + 1].isspace():
            at += 1
            continue
        found = _TOKENS.match(text, at)
        if found is None:
            return None
        if found[1] is None:
            words.append(found[0])
        at = found.end()
    return words


def _parentheses(line: bytes) -> int:
    """How many parentheses a line leaves open."""
    if b"(" not in line and b")" not in line:
        return 0
    words = _words(line) or []
    return words.count(b"(") - words.count(b")")


def _is_positive(n_open: int) -> bool:
    return n_open > 0
