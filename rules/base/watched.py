"""Watched names: a rule that would block one is held until a person has looked at it.

A softer rail than protected names: whole sites are blocked by law at times, and then two persons let the order in.
Invariants: an allow rule is never held; of several lists that have a name, the first one is the named reason; below a
name that many owners share (blogspot.com) every name is for itself.
Source: Denmark 2012, Pakistan 2019 and 2023, Italy 2024: names that everyone uses stood in a list that no one had read.
Cost: three look-ups turn nearly every rule away.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fastpath.images.verdict import Mode
from rules.base.canonical import with_parents
from rules.base.public_suffixes import PRIVATE_SUFFIX, public_suffixes

WATCHED = "is watched ("
_WWW = b"\x03www"


@dataclass(frozen=True, slots=True)
class WatchList:
    """Names of one theme.   name  as reports have it: few different ones, for they count by it

    below  names that stand for everything below them, too;   alone  those that stand for themselves and their `www.`;
    both canonical, on the wire"""

    name: str
    below: frozenset[bytes] = frozenset()
    alone: frozenset[bytes] = frozenset()


class WatchedNames:
    """The watched names of a box.

    released  canonical names at and below which nothing is held
    around   what is watched, and the parents of that;   ends  what every name at or below a watched one ends with, the
             last `end_octets` of its wire form: a name that is in neither is not held"""

    def __init__(self, lists: Iterable[WatchList] = (), released: Iterable[bytes] = ()) -> None:
        self._released = frozenset(released)
        self._at: dict[bytes, str] = {}
        self._below: dict[bytes, str] = {}
        self._above: dict[bytes, str] = {}
        for each in lists:
            self._add(each)
        self.around = frozenset(self._at.keys() | self._above.keys())
        self.end_octets = min(map(len, self._below), default=0)
        self.ends = frozenset(wire[-self.end_octets :] for wire in self._below)

    def _add(self, of: WatchList) -> None:
        reason = f"{WATCHED}{of.name}): held for review"
        for wire in of.below | of.alone:
            self._at.setdefault(wire, reason)
            self._at.setdefault(_WWW + wire, reason)
            for parent in with_parents(wire)[1:]:
                self._above.setdefault(parent, reason)
        for wire in of.below:
            if public_suffixes().refusal(wire) != PRIVATE_SUFFIX:
                self._below.setdefault(wire, reason)

    def refusal(self, wire: bytes, mode: Mode) -> str | None:
        """Why a blocking rule of this name and mode is held; None: it blocks nothing that is watched."""
        reason = None if mode is Mode.BELOW else self._at.get(wire)
        if reason is None and mode is not Mode.EXACT:
            reason = self._at.get(wire) or self._above.get(wire)
        if reason is None and wire[-self.end_octets :] in self.ends:
            reason = next((self._below[each] for each in with_parents(wire) if each in self._below), None)
        if reason is None or (self._released and any(each in self._released for each in with_parents(wire))):
            return None
        return reason


def is_watch_reason(reason: str) -> bool:
    """Whether WatchedNames.refusal() gives such a reason."""
    return reason.startswith(WATCHED)


NONE_WATCHED = WatchedNames()
