"""AdBlock and AdGuard filter lists: rules for whole names and whole URLs.

`||d^` d and all below · `||*.d^` only below · `|d^`, `://d^` that name · `@@` before any of them an exception ·
`|https://d/path|` that URL · a bare name, or one behind a hosts file's address, as the source says.  `$important` and
`$denyallow=d1|d2` are obeyed; `!` and `#` begin comments.  Everything else is reported: paths, asterisks, regular
expressions, cosmetic rules, and options, since a rule that holds for some requests only would be widened.

An exception that begins inside a name is honoured, too: `@@end.d^` opens what ends so, also where it is a rule's own
name, `@@.d^` what lies below d.  `@@-end.d^` speaks of names that cannot be listed one by one; it opens everything
below d that the list does not name itself: less is blocked than written, never more.

Which rule of a list decides does not depend on length here, unlike in an image: an important exception beats an
important rule, that an exception, that a rule.  So a list is read twice: first its exceptions and important rules,
whose names are kept; then all of it, and a rule that one of a higher rank covers is reported instead of passed on.  Of
the rest the longest decides; an exception is a PASSTHRU of the same list.

Invariants: no rule is passed on that a higher rank of its list covers; in memory, but for the names of exceptions and
important rules, nothing is kept (on the disk, one copy of the list).  What `$denyallow` names is an exception of the
whole list: never more is blocked than written.
Source: AdGuard's syntax of DNS filtering rules; Adblock Plus, How to write filters; semantics §3.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_text
from rules.base.canonical import canonical_octets, with_parents
from rules.base.errors import BadList, BadName
from rules.base.lines import fault_of, open_list, without_comment
from rules.base.public_suffixes import public_suffixes
from rules.base.rule import Rule, SkippedLine, UrlRule, skipped
from rules.base.urls import read_entry_octets
from rules.formats import hosts

COPY_BUFFER_OCTETS = 2**18
MAX_RANKED = 2**20  # exceptions and important rules of one list: about 150 MiB
BLOCK, EXCEPTION, IMPORTANT, IMPORTANT_EXCEPTION = range(4)  # ranks: the higher speaks

OVERRULED = "an exception or an important rule of the same list overrules it"
COSMETIC = "a rule for parts of a page cannot be enforced by name"
REGULAR_EXPRESSION = "a regular expression is not supported"
HAS_PATH = "a pattern with a path or a port is neither a name nor a whole URL"
ASTERISK = "an asterisk inside a name is not supported"
NO_END = "the pattern does not end where the name does: write ||name^"
NO_START = "the pattern does not begin where a name does: write ||name^"
BAD_OPTION = "an option that changes the rule is not supported: not widened"

_COSMETIC = re.compile(rb"(?:\A|(?<=\S))#[@?$%]{0,3}#(?=[^#\s])|(?<=\S)#[@?$%]{0,3}#\s|\$@?\$(?=[a-z])")
_OPTIONS = re.compile(rb"\$(?=~?[a-z_0-9-]++(?:[=,]|\Z))")
_HOST = re.compile(rb"(\|\|?)([^/|^]++)(?:\^\|?|\|)")
_SITE = re.compile(rb"(?:\|https?)?://([^/|^]++)(?:\^\|?|/)", re.IGNORECASE)
_TAIL = re.compile(rb"([^/|^*:]++)(?:\^\|?|\|)?")
_URL = re.compile(rb"\|(https?://[^*^|]++)\|", re.IGNORECASE)


class _Filter(NamedTuple):
    """One line, read."""

    wire: bytes | None  # None: `url` is set
    mode: Mode
    rank: int
    url: bytes = b""
    allowed: tuple[bytes, ...] = ()  # wire forms, of $denyallow
    tail: bytes = b""  # an exception of names that end so; lower case

    @property
    def action(self) -> Action:
        return Action.PASSTHRU if self.rank in (EXCEPTION, IMPORTANT_EXCEPTION) else Action.NO_ACTION


class _UnsupportedLine(BadName):
    """A line that is not enforced, and the part of it that is why."""

    def __init__(self, reason: str, part: bytes) -> None:
        super().__init__(reason)
        self.part = part


class _Ranks:
    """The exceptions and important rules of a list."""

    def __init__(self) -> None:
        self._of: dict[Mode, dict[bytes, int]] = {Mode.EXACT: {}, Mode.SUBTREE: {}}
        self._subtrees = self._of[Mode.SUBTREE]
        self._tails: dict[bytes, int] = {}
        self.opened: dict[bytes, int] = {}  # names below which everything is open, by such an exception

    def __len__(self) -> int:
        return sum(map(len, self._of.values())) + len(self._tails)

    def note_tail(self, tail: bytes, rank: int) -> None:
        """Keep an exception of the names that end so."""
        self._tails[tail] = max(rank, self._tails.get(tail, BLOCK))
        for wire, mode in _opened_by_tail(tail):
            if mode is Mode.BELOW:
                self.opened[wire] = max(rank, self.opened.get(wire, BLOCK))

    def note(self, wire: bytes, mode: Mode, rank: int) -> None:
        """Keep one name; of equal ones the highest rank."""
        names = self._of[mode]
        names[wire] = max(rank, names.get(wire, BLOCK))

    def covers(self, wire: bytes, mode: Mode, rank: int) -> bool:
        """Whether something of a higher rank speaks of all that an entry speaks of."""
        if self._tails and self._has_tail(b"." + to_text(wire).encode(), rank):
            return True
        if mode is Mode.EXACT and self._of[Mode.EXACT].get(wire, BLOCK) > rank:
            return True
        at = 0
        while wire[at]:
            if self._subtrees.get(wire[at:] if at else wire, BLOCK) > rank:
                return True
            at += wire[at] + 1
        return False

    def left_of(self, rule: Rule, rank: int) -> Rule | None:
        """What higher ranks leave of a rule: an image cannot hold a subtree and what opens all below its top."""
        if self.covers(rule.wire, rule.mode, rank):
            return None
        if rule.action is Action.PASSTHRU or rule.mode is Mode.EXACT or self.opened.get(rule.wire, BLOCK) <= rank:
            return rule
        return rule._replace(mode=Mode.EXACT) if rule.mode is Mode.SUBTREE else None

    def _has_tail(self, text: bytes, rank: int) -> bool:
        return any(own > rank and text.endswith(tail) and text != tail for tail, own in self._tails.items())


def iter_rules(lines: Iterable[bytes], default_mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read a filter list, twice; what is given is given lazily.   lines  each with its end.

    Raises BadList for a file that is no list.   Cost: bench/compile.py."""
    no_action = Action.NO_ACTION
    subtree = Mode.SUBTREE
    # a list may come out of its compression, or from elsewhere: only a copy can be read again
    with tempfile.TemporaryFile(buffering=COPY_BUFFER_OCTETS) as copy:
        copy.writelines(lines)
        copy.seek(0)
        ranks = _read_ranks(copy, default_mode)
        has_ranks = len(ranks) > 0
        copy.seek(0)
        for number, line in enumerate(open_list(copy), 1):
            text = line.strip()
            if text[:2] == b"||" and text[-1:] == b"^":
                name = text[2:-1]
                try:
                    wire = canonical_octets(name)
                except BadName:
                    pass  # read again below, for the reason
                else:
                    if b":" not in name and not (
                        has_ranks and (wire in ranks.opened or ranks.covers(wire, subtree, BLOCK))
                    ):
                        yield Rule(wire, subtree, no_action, number)
                        continue
            if text:
                yield from _read_line(ranks, number, line, default_mode)


def _read_ranks(lines: Iterable[bytes], mode: Mode) -> _Ranks:
    """Read the exceptions and important rules; what is wrong with a line is said when it comes again."""
    ranks = _Ranks()
    for number, line in enumerate(open_list(lines), 1):
        if b"@@" not in line and b"$" not in line:
            continue
        try:
            found = _read_filter(line.strip(), mode) if fault_of(line) is None else None
        except BadName:
            continue
        if found is None:
            continue
        if found.tail:
            ranks.note_tail(found.tail, found.rank)
        if found.wire is None:
            continue
        if found.rank > BLOCK:
            ranks.note(found.wire, found.mode, found.rank)
        for wire in found.allowed:
            ranks.note(wire, Mode.SUBTREE, max(EXCEPTION, found.rank))
        if len(ranks) > MAX_RANKED:
            raise BadList(
                f"line {number}: more than {MAX_RANKED:,} exceptions and important rules; not read; split the list"
            )
    return ranks


def _read_line(ranks: _Ranks, number: int, line: bytes, mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read any line.   mode  of a bare name."""
    fault = fault_of(line)
    if fault is not None:
        yield skipped(number, fault[0], line, fault[1])
        return
    text = line.strip()
    if _is_comment(text):
        return
    words = text.split(maxsplit=1)
    if len(words) == 2 and hosts.is_address(words[0]):
        for item in hosts.read_line(number, line, mode):
            left = ranks.left_of(item, BLOCK) if isinstance(item, Rule) else item
            yield left or skipped(number, 1, line, OVERRULED)
        return
    try:
        found = _read_filter(text, mode)
    except BadName as exc:
        part = exc.part if isinstance(exc, _UnsupportedLine) else text
        yield skipped(number, line.index(part) + 1, line, exc.reason)
        return
    if found.tail:
        for wire, tail_mode in _opened_by_tail(found.tail):
            rule = ranks.left_of(Rule(wire, tail_mode, found.action, number), found.rank)
            yield rule or skipped(number, 1, line, OVERRULED)
        return
    if found.wire is None:
        yield UrlRule(found.url, Mode.EXACT, found.action, number)
        return
    left = ranks.left_of(Rule(found.wire, found.mode, found.action, number), found.rank)
    if left is None:
        yield skipped(number, line.index(text) + 1, line, OVERRULED)
        return
    yield left
    for wire in found.allowed:
        yield Rule(wire, Mode.SUBTREE, Action.PASSTHRU, number)


def _opened_by_tail(tail: bytes) -> list[tuple[bytes, Mode]]:
    """What is open where names that end so are: of a list's own names that end so, its rules are left out besides."""
    label, _, rest = tail.partition(b".")
    try:
        if label[:1] not in b"-_":
            return [(canonical_octets(tail), Mode.SUBTREE)]
        wire = canonical_octets(rest)
    except BadName:  # such a name cannot be asked for
        return []
    return [] if public_suffixes().refusal(wire, opens=True) else [(wire, Mode.BELOW)]


def _is_comment(text: bytes) -> bool:
    """`! …`, `# …`, or a header in brackets."""
    if text.startswith(b"#"):
        return _COSMETIC.match(text) is None
    return text.startswith(b"!") or (text.startswith(b"[") and text.endswith(b"]"))


def _read_filter(text: bytes, mode: Mode) -> _Filter:
    """Read one rule.   mode  of a bare name.   Raises BadName with the reason."""
    if _COSMETIC.search(text):
        raise BadName(COSMETIC)
    rank = EXCEPTION if text.startswith(b"@@") else BLOCK
    pattern = text.removeprefix(b"@@")
    options = _OPTIONS.search(pattern)
    if options is None:
        return _read_pattern(pattern, mode, rank)
    rank, denied = _read_options(pattern[options.end() :], rank)
    found = _read_pattern(pattern[: options.start()], mode, rank)
    wires = [canonical_octets(name) for name in denied]
    return found._replace(allowed=tuple(wire for wire in wires if found.wire and _is_below(wire, found.wire)))


def _read_options(options: bytes, rank: int) -> tuple[int, list[bytes]]:
    """The rank and the names of $denyallow.   Raises BadName for an option that is not obeyed."""
    names: list[bytes] = []
    for option in options.split(b","):
        key, _equals, value = option.partition(b"=")
        if key == b"important":
            rank = IMPORTANT if rank in (BLOCK, IMPORTANT) else IMPORTANT_EXCEPTION
        elif key == b"denyallow" and rank in (BLOCK, IMPORTANT):
            names += value.split(b"|")
        elif option != b"all":
            raise _UnsupportedLine(BAD_OPTION, option)
    return rank, names


def _read_pattern(pattern: bytes, mode: Mode, rank: int) -> _Filter:
    """Read what a rule speaks of.   Raises BadName with the reason."""
    host = _HOST.fullmatch(pattern)
    if host is not None:
        return _read_host(host[2], Mode.SUBTREE if host[1] == b"||" else Mode.EXACT, rank)
    site = _SITE.fullmatch(pattern)
    if site is not None:
        return _read_host(site[1], Mode.EXACT, rank)
    url = _URL.fullmatch(pattern)
    if url is not None:
        wire, address = read_entry_octets(url[1])
        return _Filter(wire, Mode.EXACT, rank, address or b"")
    bare = without_comment(pattern)
    tail = _TAIL.fullmatch(bare)
    if tail is not None and rank in (EXCEPTION, IMPORTANT_EXCEPTION):
        return _Filter(None, mode, rank, tail=tail[1].lower())
    if not bare or any(mark in bare for mark in (b"/", b"|", b"^", b"*", b"$")):
        raise _UnsupportedLine(_why_not(pattern), pattern)
    return _read_host(bare, mode, rank)


def _read_host(name: bytes, mode: Mode, rank: int) -> _Filter:
    if b":" in name:
        raise _UnsupportedLine(HAS_PATH, name)
    if name.startswith(b"*.") and mode is Mode.SUBTREE and rank == BLOCK:
        mode, name = Mode.BELOW, name[2:]
    if b"*" in name:
        raise _UnsupportedLine(ASTERISK, name)
    return _Filter(canonical_octets(name), mode, rank)


def _why_not(pattern: bytes) -> str:
    """Why a pattern is neither a name nor a URL."""
    if len(pattern) > 2 and pattern.startswith(b"/") and pattern.endswith(b"/"):
        return REGULAR_EXPRESSION
    if b"/" in pattern:
        return HAS_PATH
    if b"*" in pattern:
        return ASTERISK
    return NO_START if _TAIL.fullmatch(pattern) else NO_END


def _is_below(wire: bytes, top: bytes) -> bool:
    """Whether a name lies below another one, on a label's border."""
    return top in with_parents(wire)[1:]
