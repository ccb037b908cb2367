"""Guards: rules that no list may contain.

A rule that reaches below a public suffix is refused or held; a rule that would block a protected name or address is
held.  So is one of a list that blocks for all subscribers, if it would block a watched name, and one of a list of
orders, if many sites are behind its address.  One that would block addresses outside of the public Internet is refused.
URLs pass: each is one page, or one path, and no page of a name is the name.

Invariants: an allow rule never hits a protected name; a stopped rule is reported with its reason.
Cost: some 0.2 µs a rule, however many names are protected: four look-ups turn nearly every rule away.
"""

from fastpath.images.verdict import Action, Mode, Tier
from fastpath.wire.address import ADDRESSES, network_of
from rules.base.prefixes import NOT_PUBLIC, is_public
from rules.base.protected import PROTECTED, ProtectedNames
from rules.base.public_suffixes import NO_SUFFIXES, public_suffixes
from rules.base.watched import NONE_WATCHED
from rules.lists.source import Source

# Tiers of lists that close a name for every subscriber; what a household chooses may well be a popular name.
FOR_ALL = frozenset({Tier.CSAM, Tier.ORDER, Tier.SECURITY})

_ADDRESSES_OCTETS = len(ADDRESSES)


class Rails:
    """The guards of one list."""

    def __init__(self, source: Source, protected: ProtectedNames) -> None:
        self._suffixes = NO_SUFFIXES if source.allow_public_suffix else public_suffixes()
        self._protected = protected
        self._watched = protected.watched if source.tier in FOR_ALL else NONE_WATCHED
        self._is_directed = source.tier in (Tier.CSAM, Tier.ORDER)
        self._own_action = source.action
        # one of these four speaks for every rule that a rail can stop, and rarely for another
        self._suspects = self._suffixes.names | protected.around | self._watched.around
        self._suspect_parents = self._suffixes.parents
        self._suspect_ends, self._end_octets = protected.ends, protected.end_octets
        self._watched_ends, self._watched_end_octets = self._watched.ends, self._watched.end_octets

    def refusal(self, wire: bytes, mode: Mode, action: Action) -> str | None:
        """Why the rule is not compiled; None if it is."""
        if (
            wire in self._suspects
            or wire[wire[0] + 1 :] in self._suspect_parents
            or wire[-self._end_octets :] in self._suspect_ends
            or wire[-self._watched_end_octets :] in self._watched_ends
        ):
            return self._look_closer(wire, mode, action)
        if wire[-_ADDRESSES_OCTETS:] == ADDRESSES and self._blocks(action):
            return self._refusal_of_address(wire)
        return None

    def _refusal_of_address(self, wire: bytes) -> str | None:
        if not is_public(wire):
            return NOT_PUBLIC
        network = network_of(wire)
        if network is None:
            return None
        if self._protected.covers(network):
            return PROTECTED
        return self._protected.why_shared(network) if self._is_directed else None

    def _look_closer(self, wire: bytes, mode: Mode, action: Action) -> str | None:
        blocks = self._blocks(action)
        reason = None if mode is Mode.EXACT else self._suffixes.refusal(wire, opens=not blocks)
        if reason is None and blocks:
            return PROTECTED if self._protected.is_hit(wire, mode) else self._watched.refusal(wire, mode)
        return reason

    def _blocks(self, action: Action) -> bool:
        return (self._own_action if action is Action.NO_ACTION else action) is not Action.PASSTHRU
