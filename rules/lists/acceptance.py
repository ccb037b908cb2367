"""Whether a new version of a list may take the place of the last good one.

Invariant: the version is read as compile reads it, from the first line to the last, before anything is said of it.
Source: the Danish wrong file of 2012, and the rule to hold what shrinks or changes too much, before it is enforced.
Cost: one reading of the list.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import xxhash

from rules.base.errors import BadList
from rules.base.lines import HTML_STARTS
from rules.base.rule import Rule, SkippedLine
from rules.lists.reader import Item, read_source
from rules.lists.source import Source
from rules.lists.versions import Version

SKETCH = 256  # hashes of a version that are kept, 5 KiB of state.json: tell a share to 3 % (1/sqrt(4 SKETCH))
FEW_RULES = 10  # fewer rules than these come and go with a person's edit of a small list
MANY_RULES = 1000  # a small list may grow by any factor
MANY_ADDED = 500  # new rules of one version, which a person can look through
# most lines of such a list are no rules here by design: for browsers, history, addresses and file hashes
TOLERANT = frozenset({"adblock", "certpl", "misp", "stix"})
_TOP = 2**64

Hash = Callable[[bytes], int]  # of a member, in 64 bits


class Verdict(Enum):
    """What becomes of a version."""

    GOOD = "good"
    HELD = "held"
    REFUSED = "refused"


class Judgement(NamedTuple):
    """A verdict and its reason, as status and log tell it."""

    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a version may differ from the last good one, in percent."""

    shrink_percent: int = 20
    grow_percent: int = 400
    added_percent: int = 100  # of rules that are new, no matter what went; 100: any number
    unreadable_percent: int = 50
    first_rules: int = 500_000  # of a version that there is nothing to compare with


@dataclass(slots=True)
class VersionFigures:
    """What reading a version showed."""

    n_rules: int = 0
    skipped: dict[str, int] = field(default_factory=dict)  # reason: lines
    sketch: tuple[int, ...] = ()

    @property
    def n_skipped(self) -> int:
        """Lines that are not enforced."""
        return sum(self.skipped.values())


class Sketch:
    """The smallest hashes of a set's members: two sets are compared by it without holding either.

    hash_of  keyed, where no one may learn from the sketch which members the set has
    Source: bottom-k sketches, Cohen and Kaplan, PODC 2007."""

    def __init__(self, hash_of: Hash = xxhash.xxh3_64_intdigest) -> None:
        self._hash_of = hash_of
        self._largest_first: list[int] = []  # negated: heapq knows the smallest
        self._members: set[int] = set()
        self._bound = _TOP

    def note(self, octets: bytes) -> None:
        """One member, any number of times."""
        number = self._hash_of(octets)
        if number >= self._bound or number in self._members:
            return
        self._members.add(number)
        if len(self._members) <= SKETCH:
            heapq.heappush(self._largest_first, -number)
        else:
            self._members.discard(-heapq.heapreplace(self._largest_first, -number))
        if len(self._members) == SKETCH:
            self._bound = -self._largest_first[0]

    def numbers(self) -> tuple[int, ...]:
        """The sketch, ascending."""
        return tuple(sorted(self._members))


def share_gone(old: Sequence[int], new: Sequence[int]) -> float:
    """The share of the old set's members that the new one does not have, 0 to 1, by their sketches."""
    if not old:
        return 0.0
    both, all_smallest = set(old) & set(new), sorted({*old, *new})[:SKETCH]
    jaccard = sum(number in both for number in all_smallest) / len(all_smallest)
    common = jaccard / (1 + jaccard) * (_size(old) + _size(new))
    return min(max(1 - common / _size(old), 0.0), 1.0)


def examine(path: Path, source: Source) -> VersionFigures:
    """Read a whole list.   Raises BadList for a file of another kind."""
    if path.is_file():
        _refuse_page(path)
    return examine_items(read_source(source, path))


def examine_items(items: Iterable[Item], hash_of: Hash = xxhash.xxh3_64_intdigest) -> VersionFigures:
    """The same of what a list says.   hash_of  of the sketch"""
    found = VersionFigures()
    sketch = Sketch(hash_of)
    for item in items:
        if isinstance(item, SkippedLine):
            found.skipped[item.reason] = found.skipped.get(item.reason, 0) + 1
        else:
            found.n_rules += 1
            sketch.note((item.wire if isinstance(item, Rule) else item.url) + bytes((item.mode,)))
    found.sketch = sketch.numbers()
    return found


def judge(found: VersionFigures, source: Source, last: Version | None, limits: Limits) -> Judgement:
    """Compare what was read with the last good version.   last None, or a seed: it is a list, and short."""
    total = found.n_rules + found.n_skipped
    unreadable_percent = 100 if source.format in TOLERANT else limits.unreadable_percent
    if total == 0:
        return Judgement(Verdict.REFUSED, "it is empty")
    if found.n_rules == 0:
        return Judgement(Verdict.REFUSED, f"it holds no rule; {_most(found)}")
    if found.n_skipped * 100 > total * unreadable_percent:
        return Judgement(Verdict.REFUSED, f"{found.n_skipped:,} of {total:,} lines cannot be read; {_most(found)}")
    if last is None or last.is_seed:
        if found.n_rules <= limits.first_rules:
            return Judgement(Verdict.GOOD)
        why = f"it is the first version, and has {found.n_rules:,} rules, more than {limits.first_rules:,}"
        return Judgement(Verdict.HELD, why)
    return _compare(found, last, limits)


def are_many_new(n_added: float, n_before: int, limits: Limits) -> bool:
    """Whether rules that are new are held for their number.   n_before  rules of the last good version"""
    percent = limits.added_percent
    return percent < 100 and n_added > max(MANY_ADDED, n_before * percent / 100)


def _compare(found: VersionFigures, last: Version, limits: Limits) -> Judgement:
    counts = f"{found.n_rules:,} rules where the last good version had {last.n_rules:,}"
    lost = last.n_rules - found.n_rules
    if lost >= FEW_RULES and lost * 100 > last.n_rules * limits.shrink_percent:
        return Judgement(Verdict.HELD, f"it shrank: {counts}")
    if found.n_rules > MANY_RULES and -lost * 100 > last.n_rules * limits.grow_percent:
        return Judgement(Verdict.HELD, f"it grew: {counts}")
    gone = share_gone(last.sketch, found.sketch)
    if gone * _size(last.sketch) >= FEW_RULES and gone * 100 > limits.shrink_percent:
        return Judgement(Verdict.HELD, f"about {gone * 100:.0f} % of the last good version's rules are missing")
    added = share_gone(found.sketch, last.sketch) * found.n_rules if last.sketch else 0
    if are_many_new(added, last.n_rules, limits):
        why = f"about {added:,.0f} rules are new, more than {limits.added_percent} %: {counts}"
        return Judgement(Verdict.HELD, why)
    return Judgement(Verdict.GOOD)


def _refuse_page(path: Path) -> None:
    """Regardless of the format, a web page is no list."""
    with path.open("rb") as file:
        start = file.read(512)
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(tuple(each for each in HTML_STARTS if each != b"<?xml")):
        line = 1 + start[: len(start) - len(text)].count(b"\n")
        raise BadList(f"line {line}: a web page instead of a list; not read; check what the source delivers")


def _most(found: VersionFigures) -> str:
    """The reason that most of the lines have."""
    if not found.skipped:
        return "look at the file"
    reason = max(found.skipped, key=lambda each: found.skipped[each])
    return f"{found.skipped[reason]:,} times: {reason}"


def _size(sketch: Sequence[int]) -> float:
    """How many members the sketch's set has."""
    return len(sketch) if len(sketch) < SKETCH else (SKETCH - 1) * _TOP / sketch[-1]
