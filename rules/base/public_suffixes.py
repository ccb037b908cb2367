"""Public-suffix guard: refuses or holds rules for everything below `com.pk` or `github.io`.

A name above suffixes counts as one: who closes `sch.uk` or `amazonaws.com` closes what many owners share below it.  Of
the private part these are the direct parent of a wildcard, and a name with MANY_BELOW suffixes below: one page host of
a company does not make its own name a shared one.

Invariants: only rules that reach below a name are asked about (an exact rule on a suffix is one name); a top-level
domain that the list does not know is a suffix all the same.
Source: publicsuffix.org, the copy that the package publicsuffixlist carries; format at publicsuffix.org/list.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from publicsuffixlist import PSLFILE

from rules.base.canonical import canonical_wire

ICANN_SUFFIX = "covers a public suffix: refused"
PRIVATE_SUFFIX = "covers a shared (private) public suffix: held for review"

MANY_BELOW = 3

_ROOT = b"\0"


class PublicSuffixes:
    """The suffixes by wire name, with the reason why a rule may not cover them."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._reasons: dict[bytes, str] = {}
        self._above: dict[bytes, str] = {}  # names with suffixes below them that count as one
        self._n_below: dict[bytes, int] = {}  # private suffixes
        self._children: dict[bytes, str] = {}  # every direct child is a suffix: `*.ck`
        self._exceptions: set[bytes] = set()  # `!www.ck`
        reason = ICANN_SUFFIX
        for line in lines:
            rule = line.strip()
            if "===BEGIN PRIVATE DOMAINS===" in rule:
                reason = PRIVATE_SUFFIX
            elif rule and not rule.startswith("//"):
                self._add(rule, reason)

    @property
    def names(self) -> frozenset[bytes]:
        """The names that are suffixes by themselves, or lie above one."""
        return frozenset(self._reasons.keys() | self._above.keys())

    @property
    def parents(self) -> frozenset[bytes]:
        """The names whose direct children are suffixes, but for exceptions."""
        return frozenset(self._children)

    def _add(self, rule: str, reason: str) -> None:
        if rule.startswith("!"):
            self._exceptions.add(canonical_wire(rule[1:]))
        elif rule == "*":
            self._children[_ROOT] = reason
        elif rule.startswith("*."):
            parent = canonical_wire(rule[2:])
            self._children[parent] = reason
            self._above.setdefault(parent, reason)
            self._note_above(parent[parent[0] + 1 :], reason)
        else:
            suffix = canonical_wire(rule)
            self._reasons[suffix] = reason
            self._note_above(suffix[suffix[0] + 1 :], reason)

    def _note_above(self, wire: bytes, reason: str) -> None:
        """A suffix lies below `wire` and its parents.   ICANN's part is first, and a name keeps its first reason."""
        while wire != _ROOT:
            n_below = self._n_below[wire] = self._n_below.get(wire, 0) + 1
            if reason is ICANN_SUFFIX or n_below >= MANY_BELOW:
                self._above.setdefault(wire, reason)
            wire = wire[wire[0] + 1 :]

    def refusal(self, wire: bytes, *, opens: bool = False) -> str | None:
        """Why no rule may cover everything below `wire`; None where one may.   opens  it allows: then a name above
        suffixes is a name like any other.   Cost: three look-ups."""
        reason = self._reasons.get(wire) or self._children.get(wire[wire[0] + 1 :])
        if reason is None and not opens:
            reason = self._above.get(wire)
        return None if reason is None or wire in self._exceptions else reason


NO_SUFFIXES = PublicSuffixes([])


@cache
def public_suffixes() -> PublicSuffixes:
    """The list that is installed.   Cost: some 50 ms once."""
    with Path(PSLFILE).open(encoding="utf-8") as file:
        return PublicSuffixes(["*", *file])  # also a top-level domain that no one has reported to the list's makers
