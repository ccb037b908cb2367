"""Response policy zones as master files: triggers by name and by address in an answer, with every action.

`d CNAME .` NXDOMAIN · `CNAME *.` NODATA · `CNAME rpz-passthru.` · `CNAME rpz-drop.` · `CNAME rpz-tcp-only.` ·
any other data: local data, see rules.base.local_data · `*.d` what is below d · `24.0.2.0.192.rpz-ip` answers that
lead to 192.0.2.0/24, see rules.base.prefixes.  SOA, NS, directives and a signer's records say nothing; triggers by the
client's address or a name server, and targets that begin with an asterisk, are reported.

Invariants: the zone's apex is the SOA's owner, before it the first $ORIGIN; with neither, owners are the triggers.  The
records of one owner that stand together are one rule; those that are not adjacent are reported, never answered in part
unseen.  A record over several lines (parentheses) stands at its first line.  Of a line that cannot be read neither the
owner nor the origin is known: what would inherit them is reported, and never given to those before.
Source: draft-vixie-dnsop-dns-rpz-00 §3, §4, §5; RFC 1035 §5.
"""

from collections.abc import Iterable, Iterator

from fastpath.images.verdict import Action, Mode
from fastpath.wire.address import ADDRESSES
from fastpath.wire.name import to_text, to_wire
from rules.base.canonical import listed_octets
from rules.base.errors import BadName
from rules.base.lines import fault_of, join_lines, open_list
from rules.base.local_data import Gatherer, record_octets
from rules.base.prefixes import read_trigger, wires_of, write_trigger
from rules.base.rule import Rule, SkippedLine, skipped
from rules.formats.masterfile import Record, count_open, parse_ttl, read_record, split_words

ACTIONS = {
    b".": Action.NXDOMAIN,
    b"*.": Action.NODATA,
    b"rpz-passthru.": Action.PASSTHRU,
    b"rpz-drop.": Action.DROP,
    b"rpz-tcp-only.": Action.TCP_ONLY,
}
ADDRESS_TRIGGER = b"rpz-ip"
OTHER_TRIGGERS = (b"rpz-client-ip", b"rpz-nsdname", b"rpz-nsip")
OTHER_TRIGGER_TAILS = tuple(bytes([len(label)]) + label + b"\0" for label in OTHER_TRIGGERS)  # in wire form
# what makes a zone of a list, and what a signer adds to it
SILENT_TYPES = frozenset(
    {b"SOA", b"NS", b"RRSIG", b"NSEC", b"NSEC3", b"NSEC3PARAM", b"DNSKEY", b"CDS", b"CDNSKEY", b"ZONEMD"}
)
ORDINARY_TYPES = (b"CNAME", b"A", b"AAAA")
SPACE, DOT = b" ."
MAX_RECORD_LINES = 64  # in parentheses; a SOA takes seven
DEFAULT_TTL_S = 60  # of local data in a zone that says nothing: the most that a block's answer lives

OTHER_TRIGGER = "a trigger by the client's address or a name server is not supported"
OUTSIDE = "the owner is outside the zone"
EVERY_NAME = "the rule covers every name"
NO_RECORD = "is not a record of a zone file"
BAD_DIRECTIVE = "a directive that is not supported"
UNCLOSED = "a parenthesis is not closed"
NO_ORIGIN = "the name is relative to an origin that cannot be read"

LOST = b".."  # an origin that completes no name: also none in a record's data
_ADDRESSES_OCTETS = len(ADDRESSES)
_ADDRESS_TAIL = b"." + ADDRESS_TRIGGER


def iter_rules(lines: Iterable[bytes], default_mode: Mode) -> Iterator[Rule | SkippedLine]:
    """Read a zone file, lazily.   Raises BadList for a file that is no list.   Cost: bench/compile.py."""
    zone = _Zone(default_mode)
    numbered = enumerate(open_list(lines), 1)
    for number, line in join_lines(numbered, count_open, _is_positive, MAX_RECORD_LINES, b"("):
        words = line.split()
        if not words:
            continue
        item: Rule | SkippedLine | None
        try:
            item = zone.read_ordinary(number, line, words)
        except BadName:  # no ordinary line, or a faulty one
            item = _read_record(zone, number, line)
        if item is not None:
            if type(item) is Rule and item.wire[-_ADDRESSES_OCTETS:] == ADDRESSES:
                yield from _rules_of_addresses(item)
            else:
                yield item
    last = zone.gatherer.finish()
    if last is not None:
        yield from _rules_of_addresses(last) if last.wire.endswith(ADDRESSES) else (last,)


class _Zone:
    """What one line of a zone file leaves to the next: origin, owner, apex, TTL, an owner's records so far."""

    def __init__(self, default_mode: Mode) -> None:
        self.mode = default_mode
        self.origin = b""  # absolute, lower case, without the last dot
        self.apex: bytes | None = None
        self.owner = b""  # as written
        self.ttl_s = DEFAULT_TTL_S
        self.gatherer = Gatherer()
        self._tail = b"."  # what an absolute owner ends with
        self._is_at_apex = True  # a relative owner is a trigger

    def read_ordinary(self, number: int, line: bytes, words: list[bytes]) -> Rule | None:
        """Read a record as nearly all are: `d [TTL] [IN] CNAME target`, or an address; see _read_policy().

        words   of the line.   Raises BadName for any other line, and any fault."""
        owner = words[0]
        n_words = len(words)
        if not 3 <= n_words <= 5 or line[0] <= SPACE or (n_words > 3 and not _are_ttl_and_class(words[1:-2])):
            raise BadName(NO_RECORD)
        name = owner
        if owner[-1] == DOT:
            if not owner.endswith(self._tail):
                raise BadName(OUTSIDE)
            name = owner[: -len(self._tail)]
        elif not self._is_at_apex:
            raise BadName(NO_RECORD)
        mode = self.mode
        if name[:2] == b"*.":
            mode, name = Mode.BELOW, name[2:]
        wire = listed_octets(name)
        if b"rpz-" in wire and wire.endswith(OTHER_TRIGGER_TAILS):
            raise BadName(OTHER_TRIGGER)
        action = ACTIONS.get(words[-1])
        if action is not None and words[-2] == b"CNAME":
            self.owner = owner
            return Rule(wire, mode, action, number)
        return self._add_ordinary((wire, mode), number, words)

    def _add_ordinary(self, key: tuple[bytes, Mode], number: int, words: list[bytes]) -> Rule | None:
        owner, rtype, target = words[0], words[-2], words[-1]
        is_action = rtype == b"CNAME" and _action_of(self, self.trigger(owner) or b"", (target,)) is not None
        if rtype not in ORDINARY_TYPES or is_action:
            raise BadName(NO_RECORD)
        ttl_s = parse_ttl(words[1]) if len(words) > 3 and words[1] != b"IN" else self.ttl_s
        rule = self.gatherer.add(*key, number, record_octets(rtype, ttl_s, (target,), self.origin))
        self.owner = owner
        return rule

    def absolute(self, name: bytes) -> bytes:
        """Complete a name with the origin; without the last dot, lower case.   Raises BadName where none is known."""
        if name.endswith(b"."):
            return name[:-1].lower()
        if self.origin == LOST:
            raise BadName(NO_ORIGIN)
        if name == b"@":
            return self.origin
        return (name + b"." + self.origin if self.origin else name).lower()

    def set_origin(self, name: bytes) -> None:
        """Obey $ORIGIN; the first one is the apex until a SOA comes.   Raises BadName where it completes no name."""
        self._leave_for(self.absolute(name))
        self.set_apex(self.origin if self.apex is None else self.apex)

    def lose_origin(self) -> None:
        """Know none until the next $ORIGIN that is absolute."""
        self._leave_for(LOST)
        self._is_at_apex = False

    def _leave_for(self, origin: bytes) -> None:
        """Take another origin; an owner that is inherited stays the one that it was."""
        if not self.owner.endswith(b"."):
            self.owner = self.absolute(self.owner) + b"." if self.owner and self.origin != LOST else b""
        self.origin = origin

    def lose(self, line: bytes) -> None:
        """Forget what `line`, which cannot be read, would have said of owner or origin."""
        word = line.split(maxsplit=1)[0]
        if word[:7].upper() == b"$ORIGIN":
            self.lose_origin()
        elif line[:1] not in (b" ", b"\t", b";"):
            self.owner = b""

    def set_apex(self, apex: bytes) -> None:
        """Say where the zone begins.   apex  absolute, without the last dot."""
        self.apex = apex
        self._tail = b"." + apex + b"." if apex else b"."
        self._is_at_apex = self.origin == apex

    def trigger(self, owner: bytes) -> bytes | None:
        """The owner without the zone's apex; None where it lies outside."""
        name = self.absolute(owner)
        if not self.apex:
            return name
        if name.endswith(b"." + self.apex):
            return name[: -len(self.apex) - 1]
        return b"" if name == self.apex else None

    def key_of(self, trigger: bytes) -> tuple[bytes, Mode]:
        """Name and mode of a trigger.   Raises BadName with the reason where it is not one, or none of ours."""
        kind = trigger.rpartition(b".")[2]
        if kind in OTHER_TRIGGERS:
            raise BadName(OTHER_TRIGGER)
        if kind == ADDRESS_TRIGGER:  # in its one form; what it stands for is several names, see below
            network = read_trigger(trigger.decode("ascii", "replace"))
            return to_wire(write_trigger(network).encode()), Mode.EXACT
        if trigger in (b"", b"*"):
            raise BadName(EVERY_NAME)
        if trigger.startswith(b"*."):
            return listed_octets(trigger[2:]), Mode.BELOW
        return listed_octets(trigger), self.mode


def _rules_of_addresses(rule: Rule) -> Iterator[Rule]:
    """What a rule of an address trigger says, as rules of the names that stand for its prefix."""
    for wire, mode in wires_of(read_trigger(to_text(rule.wire))):
        yield rule._replace(wire=wire, mode=mode)


def _are_ttl_and_class(words: list[bytes]) -> bool:
    """Whether one or two words are a TTL, IN, or both in this order."""
    return words == [b"IN"] or (words[0].isdigit() and words[1:] in ([], [b"IN"]))


def _read_record(zone: _Zone, number: int, line: bytes) -> Rule | SkippedLine | None:
    """Read anything but an ordinary line: directives, comments, inherited owners, parentheses, other types."""
    words = split_words(line)
    fault = _fault_of(line, words)
    if fault is not None:
        zone.lose(line)
        return skipped(number, fault[0], line, fault[1])
    if not words:
        return None
    try:
        return _read_words(zone, number, line, words)
    except BadName as exc:
        return skipped(number, 1, line, exc.reason)


def _fault_of(line: bytes, words: list[bytes] | None) -> tuple[int, str] | None:
    """Where and why it is not known what a line says."""
    if (fault := fault_of(line)) is not None:
        return fault
    if count_open(line) > 0:
        return _column(line, b"("), UNCLOSED
    return (1, NO_RECORD) if words is None else None


def _read_words(zone: _Zone, number: int, line: bytes, words: list[bytes]) -> Rule | SkippedLine | None:
    if words[0].startswith(b"$"):
        return _read_directive(zone, number, line, words)
    if line[:1] not in (b" ", b"\t"):
        zone.owner = words.pop(0)
    return _read_data(zone, number, line, words)


def _read_data(zone: _Zone, number: int, line: bytes, words: list[bytes]) -> Rule | SkippedLine | None:
    """Read a record behind its owner, which stands in the zone."""
    record = read_record(words, zone.ttl_s)
    if record is None or not zone.owner:
        return skipped(number, 1, line, NO_RECORD)
    if record.rtype == b"SOA":
        zone.set_apex(zone.absolute(zone.owner))
    if record.rtype in SILENT_TYPES:
        return None
    return _read_policy(zone, number, line, record)


def _read_policy(zone: _Zone, number: int, line: bytes, record: Record) -> Rule | SkippedLine | None:
    """Read what a record says of its owner; one of local data may give the rule of the owner before."""
    at = zone.owner
    trigger = zone.trigger(zone.owner)
    if trigger is None:
        return skipped(number, _column(line, at), line, OUTSIDE)
    try:
        wire, mode = zone.key_of(trigger)
        at = record.words[0]
        action = _action_of(zone, trigger, record.words) if record.rtype == b"CNAME" else None
        if action is not None:
            return Rule(wire, mode, action, number)
        return zone.gatherer.add(wire, mode, number, record_octets(*record, zone.origin))
    except BadName as exc:
        return skipped(number, _column(line, at), line, exc.reason)


def _action_of(zone: _Zone, trigger: bytes, words: tuple[bytes, ...]) -> Action | None:
    """The action that a CNAME stands for; None where it is local data."""
    action = ACTIONS.get(words[0].lower()) if len(words) == 1 else None
    # the draft's first edition wrote PASSTHRU as a name that is its own alias, and a prefix without its last label
    if action is None and len(words) == 1:
        target = zone.absolute(words[0])
        if target == trigger or (trigger.endswith(_ADDRESS_TAIL) and target == trigger[: -len(_ADDRESS_TAIL)]):
            return Action.PASSTHRU
    return action


def _read_directive(zone: _Zone, number: int, line: bytes, words: list[bytes]) -> SkippedLine | None:
    directive = words[0].upper()
    if directive == b"$ORIGIN" and len(words) == 2:
        zone.set_origin(words[1])
        return None
    if directive == b"$TTL" and len(words) == 2:
        zone.ttl_s = parse_ttl(words[1])
        return None
    if directive == b"$ORIGIN":
        zone.lose_origin()
    return skipped(number, _column(line, words[0]), line, BAD_DIRECTIVE)


def _column(line: bytes, word: bytes) -> int:
    """Where a word stands; 1 for an owner that an earlier line has given."""
    return max(line.find(word), 0) + 1


def _is_positive(n_open: int) -> bool:
    return n_open > 0
