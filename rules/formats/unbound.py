"""unbound.conf: local zones and their data.

`local-zone: "d" TYPE` speaks of d and all below.  By type: static, always_nxdomain NXDOMAIN · always_nodata NODATA ·
refuse, always_refuse REFUSED · deny, always_deny, inform_deny no answer · always_null blocked · transparent and its
kind, inform, nodefault an exception · redirect, inform_redirect the zone's data, NODATA without any.
`local-data: "d A 192.0.2.1"` of a redirect zone speaks of all of it, other data of d alone; 0.0.0.0, :: and loopback
addresses mean blocked.  `server:` says nothing; other options are reported.

Invariants: of two zones the longer one speaks, as everywhere; the data of one name that stand together are one rule,
those that are not adjacent are reported.  Of redirect zones, only those whose data have not come yet are kept.
Source: unbound.conf(5), local-zone and local-data.
"""

import re
from collections.abc import Iterable, Iterator

from fastpath.images.verdict import Action, Mode
from rules.base.canonical import listed_octets
from rules.base.errors import BadList, BadName
from rules.base.lines import fault_of, open_list
from rules.base.local_data import APART, Gatherer, is_nowhere, record_octets
from rules.base.rule import Rule, SkippedLine, skipped
from rules.formats.masterfile import Record, read_record, split_words

ZONE_TYPES = {
    b"static": Action.NXDOMAIN,
    b"always_nxdomain": Action.NXDOMAIN,
    b"always_nodata": Action.NODATA,
    b"refuse": Action.REFUSED,
    b"always_refuse": Action.REFUSED,
    b"deny": Action.DROP,
    b"always_deny": Action.DROP,
    b"inform_deny": Action.DROP,
    b"always_null": Action.NO_ACTION,
    b"transparent": Action.PASSTHRU,
    b"typetransparent": Action.PASSTHRU,
    b"always_transparent": Action.PASSTHRU,
    b"inform": Action.PASSTHRU,
    b"nodefault": Action.PASSTHRU,
}
REDIRECTS = frozenset({b"redirect", b"inform_redirect"})
MAX_WAITING = 2**20  # redirect zones whose data have not come yet: about 150 MiB
TTL_S = 3600  # RFC 1035 §3.2.1 has none by default; this is what unbound gives

OTHER_OPTION = "an option that does not block a name"
OTHER_TYPE = "a type of zone that is not supported"
EVERY_NAME = "the rule covers every name"
NO_RECORD = "is not a record"

# Possessive: what is no value is found out in one pass.
_ZONE = re.compile(rb"""(["']?)([^\s"'#]++)\1\s++(["']?)([a-z_]++)\3\s*+(?:#.*+)?""", re.DOTALL)
_DATA = re.compile(rb"""(?:"([^"]*+)"|'([^']*+)'|([^"'#]++))\s*+(?:#.*+)?""", re.DOTALL)


def iter_rules(lines: Iterable[bytes], _default_mode: Mode) -> Iterator[Rule | SkippedLine]:
    """Read a configuration, lazily.   Raises BadList for a file that is no list.   Cost: bench/compile.py.

    _default_mode   of no use: the format itself says how a name is meant"""
    config = _Config()
    for number, line in enumerate(open_list(lines), 1):
        words = line.split()
        if not words:
            continue
        item: Rule | SkippedLine | None
        try:
            item = _read_ordinary(config, number, words)
        except BadName:  # no ordinary line, or a faulty one
            item = _read_line(config, number, line)
        if item is not None:
            yield item
    yield from config.finish()


class _Config:
    """What one line of a configuration leaves to the next."""

    def __init__(self) -> None:
        self._gatherer = Gatherer()
        self._waiting: dict[bytes, int] = {}  # redirect zones without data so far: wire form and line
        self._redirect: bytes | None = None  # the zone whose data came last

    def open_zone(self, wire: bytes, zone_type: bytes, number: int) -> Rule | None:
        """Take one zone; a redirect zone is no rule before its data.   Raises BadName."""
        action = ZONE_TYPES.get(zone_type)
        if action is not None:
            return Rule(wire, Mode.SUBTREE, action, number)
        if zone_type not in REDIRECTS:
            raise BadName(OTHER_TYPE)
        self._waiting[wire] = number
        if len(self._waiting) > MAX_WAITING:
            raise BadList(
                f"line {number}: more than {MAX_WAITING:,} redirect zones without data; not read; "
                "write the data below their zones"
            )
        return None

    def add(self, wire: bytes, number: int, record: Record) -> Rule | None:
        """Take one record of local data; it may give the rule of the name before.   Raises BadName."""
        if self._waiting.pop(wire, None) is not None:
            self._redirect = wire
        mode = Mode.SUBTREE if wire == self._redirect else Mode.EXACT
        if mode is Mode.EXACT and self._gatherer.has_had(wire, Mode.SUBTREE):
            raise BadName(APART)
        if record.rtype in (b"A", b"AAAA") and is_nowhere(record.words[0]):
            return Rule(wire, mode, Action.NO_ACTION, number)
        return self._gatherer.add(wire, mode, number, record_octets(*record))

    def finish(self) -> Iterator[Rule]:
        """Give what is left at the end: the last data, and the redirect zones that got none."""
        last = self._gatherer.finish()
        if last is not None:
            yield last
        for wire, number in self._waiting.items():
            yield Rule(wire, Mode.SUBTREE, Action.NODATA, number)


def _read_ordinary(config: _Config, number: int, words: list[bytes]) -> Rule | None:
    """Read a line as nearly all are: a zone, or the address of a name.   Raises BadName for any other."""
    if len(words) == 3 and words[0] == b"local-zone:":
        return config.open_zone(listed_octets(words[1].strip(b'"')), words[2], number)
    if (
        len(words) == 4
        and words[0] == b"local-data:"
        and words[2] in (b"A", b"AAAA")
        and words[1][:1] == words[3][-1:] == b'"'
    ):
        return config.add(listed_octets(words[1][1:]), number, Record(words[2], TTL_S, (words[3][:-1],)))
    raise BadName(NO_RECORD)


def _read_line(config: _Config, number: int, line: bytes) -> Rule | SkippedLine | None:
    """Read any line; None for what says nothing, or nothing yet."""
    fault = fault_of(line)
    if fault is not None:
        return skipped(number, fault[0], line, fault[1])
    text = line.strip().removeprefix(b"server:").lstrip()
    if not text or text.startswith(b"#"):
        return None
    option, _colon, value = text.partition(b":")
    try:
        if option == b"local-zone":
            return _read_zone(config, number, value.strip())
        if option == b"local-data":
            return _read_data(config, number, value.strip())
    except BadName as exc:
        return skipped(number, line.index(value.strip()) + 1, line, exc.reason)
    return skipped(number, line.index(text) + 1, line, OTHER_OPTION)


def _read_zone(config: _Config, number: int, value: bytes) -> Rule | None:
    found = _ZONE.fullmatch(value)
    if found is None:
        raise BadName(OTHER_TYPE)
    if found[2] == b".":
        raise BadName(EVERY_NAME)
    return config.open_zone(listed_octets(found[2]), found[4], number)


def _read_data(config: _Config, number: int, value: bytes) -> Rule | None:
    found = _DATA.fullmatch(value)
    words = split_words(found[1] or found[2] or found[3] or b"") if found is not None else None
    record = read_record(words[1:], TTL_S) if words else None
    if not words or record is None:
        raise BadName(NO_RECORD)
    return config.add(listed_octets(words[0]), number, record)
