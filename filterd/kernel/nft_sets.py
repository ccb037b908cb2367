"""Prefix sets of the table `inet filterd`, updated over netlink: only the difference, in one transaction.

    prefix ─ of a length that has a hash set?   yes: one element there   no: part of an interval of the interval set

An interval set of 100,000 costs the kernel 250 ms to fill and 7 ms for a change of one (Linux 6.18); a hash set 130 ms
and 10 µs.  So the prefixes that nearly every line has (one IPv4 address, a /56, a /64) are in hash sets.

    packet ─ chain `locking` ─ no line of its version is locked: no rule     some are: goto the chain of the hash sets;
                               a prefix of another length is: goto the chain of the interval set and the hash sets

So an empty set costs no packet anything; the verdict does not depend on the set that holds a prefix.

Invariants: a transaction names the generation of the ruleset that it changes.  Where another program has changed any
rule since, the kernel refuses it, and OutOfStep is raised.  replace() works with any content of the sets.
A refused transaction has changed nothing, here and in the kernel.  Prefixes may overlap: an interval ends where no held
prefix covers the next address.  A rule that leads to sets comes and goes in the transaction of their elements.
Source: linux/netfilter/nf_tables.h, nfnetlink.h.
Cost: bench/lock.py.
"""

import errno
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fastpath.people.spans import span_difference
from filterd.kernel.intervals import Span, Spans
from filterd.kernel.netlink import F_ACK, F_CREATE, HEADER_OCTETS, Netlink, attribute, attributes, message
from filterd.kernel.nft_elements import DELETE_ELEMENTS, NEW_ELEMENTS, Change, NftSet
from filterd.kernel.nft_rules import (
    NEW_CHAIN,
    NEW_RULE,
    NEW_TABLE,
    NftChain,
    goto,
    of_version,
    queue,
    queue_question,
    trial,
)
from filterd.kernel.prefix_columns import WIDTH, Prefixes, SpanColumns, columns_of, firsts_of, packed_spans

TABLE = "filterd"
SUBSYSTEM, INET, UNSPEC = 10, 1, 0  # NFNL_SUBSYS_NFTABLES, NFPROTO_*
BATCH_BEGIN, BATCH_END, BATCH_GENERATION = 0x10, 0x11, 1
GET_GENERATION, GENERATION = 16, 1
TRIES = 5  # where another program changes rules all the time, or the kernel is short of memory
BUSY = (errno.ERESTART, errno.EINTR, errno.EAGAIN, errno.ENOBUFS)
# An element to be deleted does not exist, or one to be added does.
MISTAKEN = (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY)

CREATING = (NEW_ELEMENTS, NEW_TABLE, NEW_CHAIN, NEW_RULE)

Shape = tuple[int, int]  # version and length of prefixes


class OutOfStep(RuntimeError):
    """The content of the sets is not known; nothing was changed."""


class MissingSets(RuntimeError):
    """The table, or a set of it, does not exist."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """A chain with one rule for each IP version whose sets are not empty.

    hashed   by version, the chain to go to while the interval set is empty
    wide     by version, the chain to go to otherwise"""

    chain: NftChain
    hashed: Mapping[int, str]
    wide: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Sets that hold one kind of prefixes.

    hashed     the hash sets, by version and prefix length
    wide       the interval set of each version
    entrance   the chain that leads to the sets while they are not empty; None: packets always look into them"""

    hashed: Mapping[Shape, NftSet]
    wide: Mapping[int, NftSet]
    entrance: Entrance | None = None

    def leads_to(self, n_keys: Mapping[NftSet, int], spans: Mapping[NftSet, Spans]) -> dict[int, str]:
        """By version, the chain to go to for this content of the sets; no entry where they are empty."""
        found: dict[int, str] = {}
        if self.entrance is None:
            return found
        for version, each in self.wide.items():
            if spans[each].held:
                found[version] = self.entrance.wide[version]
            elif any(n_keys[where] for shape, where in self.hashed.items() if shape[0] == version):
                found[version] = self.entrance.hashed[version]
        return found

    def leads_to_spans(self, covers: Mapping[NftSet, bytes]) -> dict[int, str]:
        """Do leads_to() where the interval sets are given whole, and there is no hash set."""
        its = self.entrance.wide if self.entrance is not None else {}
        return {version: chain for version, chain in its.items() if covers.get(self.wide[version])}

    def lead_to(self, chains: Mapping[int, str]) -> list[Change]:
        """The changes that make the entrance lead to these chains."""
        if self.entrance is None:
            return []
        rules = ([*of_version(version), *goto(chain)] for version, chain in chains.items())
        return [self.entrance.chain.flush(), *map(self.entrance.chain.add, rules)]


LOCKED = Group(
    {
        (4, 32): NftSet(TABLE, "locked4_32", 4),
        (6, 56): NftSet(TABLE, "locked6_56", 16),
        (6, 64): NftSet(TABLE, "locked6_64", 16),
    },
    {4: NftSet(TABLE, "locked4", 4), 6: NftSet(TABLE, "locked6", 16)},
    Entrance(NftChain(TABLE, "locking"), {4: "locks4", 6: "locks6"}, {4: "locks4_wide", 6: "locks6_wide"}),
)
POOLS = Group(
    {},
    {4: NftSet(TABLE, "pools4", 4), 6: NftSet(TABLE, "pools6", 16)},
    Entrance(NftChain(TABLE, "pool_locking"), {}, {4: "pool_locks4", 6: "pool_locks6"}),
)
SUBSCRIBERS = Group({}, {4: NftSet(TABLE, "subscribers4", 4), 6: NftSet(TABLE, "subscribers6", 16)})

SUSPECTS = Group(
    {(4, 32): NftSet(TABLE, "suspects4_32", 4), (6, 128): NftSet(TABLE, "suspects6_128", 16)},
    {4: NftSet(TABLE, "suspects4", 4), 6: NftSet(TABLE, "suspects6", 16)},
)
CORRIDOR = Group({}, {4: NftSet(TABLE, "corridor4", 4), 6: NftSet(TABLE, "corridor6", 16)})


class PrefixSets:
    """The prefix sets of this namespace's table.   Blocking; not thread-safe."""

    def __init__(self) -> None:
        self._generation = 0  # 0: unknown
        self._in_step: dict[NftSet, Spans] = {}
        self._covers: dict[NftSet, bytes] = {}  # of the sets that are given whole, as spans
        self._n_keys: dict[NftSet, int] = {}
        self._link: Netlink | None = None  # kept open: close() waits for the kernel to free deleted elements, 10 ms

    def replace(self, group: Group, prefixes: Prefixes) -> None:
        """Replace the content of the group's sets by these prefixes.

        Raises MissingSets; RuntimeError where the kernel refuses; the sets keep their content then."""
        keys, spans = _sorted_out(group, prefixes)
        wide = {each: Spans.of(spans[version]) for version, each in group.wide.items()}
        n_keys = {each: _n_different(keys[shape], each.width) for shape, each in group.hashed.items()}
        changes = [each.flush() for each in (*group.hashed.values(), *group.wide.values())]
        changes += _of_keys(group, NEW_ELEMENTS, keys)
        for version, each in group.wide.items():
            changes += each.of_spans(NEW_ELEMENTS, packed_spans(version, wide[each].fewest))
        changes += group.lead_to(group.leads_to(n_keys, wide))
        self._commit_anyway(changes)
        self._in_step |= wide
        self._n_keys |= n_keys

    def change(self, group: Group, added: Prefixes, removed: Prefixes) -> None:
        """Add prefixes that the group does not hold, remove some that it holds.   Neither: only check the generation.

        Raises OutOfStep; RuntimeError where the kernel refuses; the sets keep their content then."""
        self._require_known(group, self._in_step)
        (new_keys, new_spans), (old_keys, old_spans) = _sorted_out(group, added), _sorted_out(group, removed)
        gone, come, wide = _of_keys(group, DELETE_ELEMENTS, old_keys), _of_keys(group, NEW_ELEMENTS, new_keys), {}
        n_keys = dict(self._n_keys)
        for shape, each in group.hashed.items():
            n_keys[each] += (len(new_keys[shape]) - len(old_keys[shape])) // each.width
        for version, each in group.wide.items():
            if new_spans[version] or old_spans[version]:
                wide[each], different = self._in_step[each].changed(new_spans[version], old_spans[version])
                gone += each.of_spans(DELETE_ELEMENTS, packed_spans(version, sorted(different.gone)))
                come += each.of_spans(NEW_ELEMENTS, packed_spans(version, sorted(different.come)))
        before, after = group.leads_to(self._n_keys, self._in_step), group.leads_to(n_keys, self._in_step | wide)
        self._commit_in_step([*gone, *come, *(group.lead_to(after) if before != after else ())])
        self._in_step |= wide
        self._n_keys = n_keys

    def replace_spans(self, group: Group, spans: SpanColumns) -> None:
        """Replace the content of the group's interval sets by these spans.   Raises as replace()"""
        covers = {each: spans.get(version, b"") for version, each in group.wide.items()}
        changes = [each.flush() for each in covers]
        for each, cover in covers.items():
            changes += each.of_spans(NEW_ELEMENTS, cover)
        self._commit_anyway([*changes, *group.lead_to(group.leads_to_spans(covers))])
        self._covers |= covers

    def change_spans(self, group: Group, spans: SpanColumns) -> None:
        """Do replace_spans(), and send the kernel only the difference.   Raises as change()"""
        self._require_known(group, self._covers)
        covers = {each: spans.get(version, b"") for version, each in group.wide.items()}
        gone: list[Change] = []
        come: list[Change] = []
        for each, cover in covers.items():
            old, new = span_difference(self._covers[each], cover, each.width)
            gone += each.of_spans(DELETE_ELEMENTS, old)
            come += each.of_spans(NEW_ELEMENTS, new)
        before, after = group.leads_to_spans(self._covers), group.leads_to_spans(covers)
        self._commit_in_step([*gone, *come, *(group.lead_to(after) if before != after else ())])
        self._covers |= covers

    def fill(self, chain: NftChain, rules: Iterable[Iterable[bytes]]) -> None:
        """Replace the rules of a chain by these, in reverse order.   Raises as replace()."""
        self._commit_anyway([chain.flush(), *map(chain.add, rules)])

    def need_queue(self) -> None:
        """Have the kernel load the modules of a queueing rule, and try one.   Raises RuntimeError where it has none."""
        cure = "load xt_NFQUEUE and nft_compat"
        try:
            self._open().ask(queue_question())
            self._commit_anyway(trial(queue(0, 1, True)))
        except OSError as reason:
            self.close()
            raise RuntimeError(f"NFQUEUE: {reason.strerror}; rules stay as they were; {cure}") from reason
        except RuntimeError as reason:
            refused = str(reason).partition(";")[0]
            raise RuntimeError(f"NFQUEUE: trial rule refused ({refused}); rules stay as they were; {cure}") from reason

    def close(self) -> None:
        """Close the socket; the next call opens another."""
        if self._link is not None:
            self._link.close()
            self._link = None

    # ------------------------------------------------------------------------------------------------------------------

    def _require_known(self, group: Group, known: Mapping[NftSet, object]) -> None:
        if any(each not in known for each in group.wide.values()):
            raise OutOfStep("nft: the content of the sets is not known; nothing was changed; replace all sets")

    def _know_nothing(self) -> None:
        self._in_step.clear()
        self._covers.clear()

    def _commit_in_step(self, changes: Sequence[Change]) -> None:
        """Commit, or only check the generation, where no other program has changed anything."""
        if changes:
            fault = self._commit(changes)
        else:
            fault = 0 if self._generation_now() == self._generation else errno.ERESTART
        if fault in (*BUSY, *MISTAKEN):
            self._know_nothing()
            raise OutOfStep("nft: another program has changed the rules; nothing was changed; replace all sets")
        _raise(fault)

    def _commit_anyway(self, changes: Sequence[Change]) -> None:
        """Commit at any generation; where another program has changed rules, other sets' content becomes unknown."""
        fault = errno.EAGAIN
        for _ in range(TRIES):
            generation = self._generation_now()
            if generation != self._generation:
                self._know_nothing()
                self._generation = generation
            fault = self._commit(changes)
            if fault not in BUSY:
                break
        if fault == errno.ENOENT:
            raise MissingSets(
                f"nft: table inet {TABLE} is missing, or lacks a set; nothing was changed; apply the rules"
            )
        _raise(fault)

    def _commit(self, changes: Sequence[Change]) -> int:
        """Run one transaction at the known generation; returns an errno, 0 for success."""
        last = len(changes)
        begin = attribute(BATCH_GENERATION, struct.pack(">I", self._generation))
        batch = [message(BATCH_BEGIN, 0, 0, UNSPEC, begin, SUBSYSTEM)]
        for number, change in enumerate(changes, 1):
            flags = (F_CREATE if change.kind in CREATING else 0) | (F_ACK if number == last else 0)
            batch.append(message(SUBSYSTEM << 8 | change.kind, flags, number, INET, change.attributes))
        batch.append(message(BATCH_END, 0, last + 1, UNSPEC, b"", SUBSYSTEM))
        try:
            answers = self._open().send(b"".join(batch))
        except OSError as reason:
            self.close()  # unread answers in it would be taken for those of the next request
            return reason.errno or errno.EIO
        for answer in answers:
            if answer.fault:
                return answer.fault
        if last not in (answer.sequence for answer in answers):
            return errno.EPROTO
        if self._generation_now() != self._generation:  # to flush an empty set is no change
            self._generation = (self._generation + 1) % 2**32 or 1  # as the kernel counts: 0 is left out
        return 0

    def _generation_now(self) -> int:
        """The kernel's generation of the ruleset.   Raises RuntimeError where it has none."""
        try:
            found = self._open().ask(message(SUBSYSTEM << 8 | GET_GENERATION, 0, 1, UNSPEC))
        except OSError as reason:
            self.close()
            raise RuntimeError(f"nft: {reason.strerror}; nothing was changed; run 'filterd doctor'") from reason
        for kind, begin, end in attributes(found.chunk, found.at + HEADER_OCTETS, found.end):
            if kind == GENERATION:
                return int.from_bytes(found.chunk[begin:end], "big")
        raise RuntimeError("nft: the kernel has no ruleset generation; nothing was changed; run Linux 4.15 or newer")

    def _open(self) -> Netlink:
        if self._link is None:
            self._link = Netlink()
        return self._link


def _sorted_out(group: Group, prefixes: Prefixes) -> tuple[dict[Shape, bytes], dict[int, set[Span]]]:
    """The elements for the group's hash sets, and the spans for its interval sets."""
    keys: dict[Shape, bytes] = dict.fromkeys(group.hashed, b"")
    spans: dict[int, set[Span]] = {version: set() for version in group.wide}
    for shape, octets in columns_of(prefixes).items():
        if shape in keys:
            keys[shape] = octets
        else:
            spans[shape[0]].update(_spans(shape, octets))
    return keys, spans


def _spans(shape: Shape, octets: bytes) -> Iterator[Span]:
    version, length = shape
    size = 1 << 8 * WIDTH[version] - length
    firsts = map(int.from_bytes, firsts_of(version, octets))
    return ((first, first + size) for first in firsts)


def _n_different(keys: bytes, width: int) -> int:
    return len({keys[at : at + width] for at in range(0, len(keys), width)})


def _of_keys(group: Group, kind: int, keys: Mapping[Shape, bytes]) -> list[Change]:
    return [change for shape, each in group.hashed.items() for change in each.of_keys(kind, keys[shape])]


def _raise(fault: int) -> None:
    if fault:
        raise RuntimeError(f"nft: {os.strerror(fault)}; the sets stay as they were; run 'filterd doctor'")
