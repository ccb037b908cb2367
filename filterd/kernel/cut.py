"""The cut: ends connections that a rule closes which was tightened, and checks that none of them goes on.

    dump of conntrack → label of each connection (fastpath.gate.labels) → wanted?  yes: its mark says BLOCKED
    another dump → wanted ones that are not blocked: still open

A blocked connection stays in conntrack: if it were forgotten, the kernel would begin it again in the middle, and the
gate would find octets that it cannot read.  The ruleset resets both its ends with their next packets (TCP), or drops
them.  A client of QUIC that gets no answer goes on from another port: what begins in the middle between its addresses
is dropped, too, for as long as such a client tries.

Invariants: the state alone of a mark is changed; what has no label goes on, unless the kernel has no labels at all.
Moves are refused before a client can notice that it is cut: nft may take longer than its patience, and what goes on at
another port by then has no label.
A connection that is wanted and comes up while others are ended is met by the next of MAX_ROUNDS.
Source: linux/netfilter/nfnetlink_conntrack.h; filterd/kernel/mark_table.py.
Cost: two dumps; bench/lock.py has that of one.
"""

import errno
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from fastpath.gate.labels import ALL_CATEGORIES, ALL_NAMES, hashes_of
from fastpath.gate.marks import MARK_STATE, FlowState
from fastpath.images.image_key import NoKey, label_key
from filterd.kernel.conntrack import (
    AT_ONCE,
    DESTINATION_PORT,
    FAMILIES,
    GET,
    SUBSYSTEM,
    TUPLE_IP,
    TUPLE_ORIGINAL,
    TUPLE_PROTO,
    TUPLE_REPLY,
    ZONE,
    addresses_at,
    copied,
)
from filterd.kernel.netlink import F_ACK, F_DUMP, HEADER_OCTETS, Netlink, attribute, attributes, message, split
from mgmt.contract.control import Cut

CHANGE = SUBSYSTEM << 8 | 0  # IPCTNL_MSG_CT_NEW: of an entry that is there, a change
MARK, MARK_MASK, LABELS, NUMBER = 8, 21, 22, 1
MAX_ROUNDS = 3
FEW = 16  # octets to search each part of a dump for: with more, that costs more than it saves
MOVES_S = 120  # browsers give a silent connection up after 30 s
MAX_MOVES = 20_000  # addresses of each version that are kept of one cut: some 100 octets each, in the kernel
SIDES = 4  # source and destination of the original tuple, then those of the reply
_LABEL = struct.Struct("=II8s")
_ENDED = (FlowState.BLOCKED, FlowState.ANSWERED)
_JUDGED = set(FlowState) - {*_ENDED, FlowState.UNDECIDED, FlowState.OPENED, FlowState.PARTIAL}


class Means(StrEnum):
    """How the connections are found that a tightened rule closes."""

    LABELS = "labels"
    QUIC = "quic"  # by labels, over QUIC alone: routing is asymmetric, and the kernel picks no connection over TCP up
    LINES = (
        "lines"  # the kernel keeps no labels: all judged ones of a line whose rules were tightened; an order ends none
    )
    NONE = "none"  # there is no gate in the packets' way


class Label(NamedTuple):
    """What the gate has written of a connection's name: see fastpath.gate.labels."""

    two: int
    three: int
    categories: bytes

    @property
    def has_several_names(self) -> bool:
        """Whether its connection has had several names, and the label none of them."""
        return self.two == ALL_NAMES

    def has_any(self, categories: frozenset[int]) -> bool:
        """Whether its name is in a list of one of these categories."""
        return any(one == ALL_CATEGORIES or one - 1 in categories for one in self.categories if one)

    def may_be(self, two: int, three: int) -> bool:
        """Whether its name may be the one with these hashes, or below it.   three  0: that has no more than two labels

        True too of a name that shares the last three labels with a longer one."""
        return self.two == ALL_NAMES or (self.two == two and three in (0, self.three))


def hash_names(wires: Iterable[bytes]) -> dict[bytes, tuple[int, int]]:
    """Names with their hashes in labels; none where this process has no key for them."""
    try:
        return {wire: hashes_of(wire, label_key()) for wire in wires}
    except NoKey:
        return {}


def signs_of(hashes: Iterable[int]) -> list[bytes]:
    """Octets of which every label with one of these hashes has some."""
    found = [two.to_bytes(4, sys.byteorder) for two in (*hashes, ALL_NAMES)]
    return found if len(found) <= FEW else []


class Connection(NamedTuple):
    """One that the kernel tracks.

    addresses  of both tuples, which differ where this box does NAT
    label      None: none;   state  by its mark
    port       where its client has connected to"""

    addresses: tuple[str, ...]
    is_udp: bool
    state: int
    label: Label | None
    port: int = 0

    @property
    def is_judged(self) -> bool:
        """Whether the gate has let something of it pass for good.   Over QUIC its mark does not say so."""
        return self.state in _JUDGED


@dataclass(frozen=True, slots=True)
class CutSelector:
    """Which connections a cut ends.

    is_wanted   of one that goes on
    signs       octets of which a dump's part has some wherever it has a wanted connection; none: no one knows
    may_have    whether a connection with an address (in network order) can be wanted; None: no one knows"""

    is_wanted: Callable[[Connection], bool]
    signs: Sequence[bytes] = ()
    may_have: Callable[[bytes], bool] | None = None

    def may_be_in(self, chunk: bytes) -> bool:
        """Whether a part of a dump has to be parsed."""
        return not self.signs or any(sign in chunk for sign in self.signs)

    def may_be_at(self, chunk: bytes, at: int, version: int) -> bool:
        """Whether the connection whose message begins there has to be parsed."""
        its = None if self.may_have is None else addresses_at(chunk, at, version)
        return its is None or self.may_have is None or any(map(self.may_have, its))


class CutTarget(NamedTuple):
    """A connection to be ended.   identity  its attributes;   ends  of a datagram's, on this side of any NAT"""

    family: int
    identity: bytes
    ends: tuple[str, str] | None


def moves_text(ends: Sequence[tuple[str, str]]) -> str:
    """For `nft -f`: what begins in the middle between these addresses is dropped from now on, for MOVES_S.

    The kernel keeps the old time of an element that is added again, so each is deleted first: one that an earlier cut
    has added would end too soon."""
    text = ""
    for version, separator in ((4, "."), (6, ":")):
        pairs = [pair for pair in dict.fromkeys(ends) if separator in pair[0]][:MAX_MOVES]
        both = dict.fromkeys(each for pair in pairs for each in (pair, pair[::-1]))
        if both:
            elements = [f"{source} . {to}" for source, to in both]
            where, listed = f"element inet filterd ended{version}", ", ".join(elements)
            timed = ", ".join(f"{each} timeout {MOVES_S}s" for each in elements)
            text += f"add {where} {{ {listed} }}\ndelete {where} {{ {listed} }}\nadd {where} {{ {timed} }}\n"
    return text


def end_connections(
    wanted: CutSelector, mark_shift: int, refuse_moves: Callable[[Sequence[tuple[str, str]]], None]
) -> Cut:
    """End what is wanted, and look again.

    mark_shift    see Rules
    refuse_moves  has the kernel drop what goes on between these addresses from another port

    Raises RuntimeError where the kernel refuses; some may have ended then."""
    n_ended, still_open = 0, list[CutTarget]()
    try:
        with Netlink() as link:
            found = list(_going_on(link, wanted, mark_shift))
            for _ in range(MAX_ROUNDS):
                try:
                    refuse_moves([each.ends for each in found if each.ends is not None])
                finally:
                    _block(link, found, mark_shift)
                still_open = list(_going_on(link, wanted, mark_shift))
                n_ended += len(found) - len(still_open)
                found = still_open
                if not found:
                    break
    except OSError as reason:
        effect = "connections that a tightened rule closes may go on"
        raise RuntimeError(f"conntrack: {reason.strerror}; {effect}; run 'filterd doctor'") from reason
    return Cut(datetime.now(UTC), max(0, n_ended), len(still_open))


def _going_on(link: Netlink, wanted: CutSelector, mark_shift: int) -> Iterator[CutTarget]:
    """Each wanted connection that is not blocked."""
    for version, family in FAMILIES.items():
        for chunk in link.dump(message(GET, F_DUMP, 1, family)):
            if not wanted.may_be_in(chunk):
                continue
            for one in split(chunk):
                if not wanted.may_be_at(chunk, one.at, version):
                    continue
                found = _wanted_in(chunk, one.at + HEADER_OCTETS, one.end, wanted, mark_shift)
                if found is not None:
                    yield CutTarget(family, *found)


def _wanted_in(
    chunk: bytes, at: int, end: int, wanted: CutSelector, mark_shift: int
) -> tuple[bytes, tuple[str, str] | None] | None:
    """Of a connection what CutTarget has of it; None: it is not wanted, or has ended."""
    label, state, protocol, port, identity, addresses = None, 0, 0, 0, b"", list[bytes]()
    for kind, first, last in attributes(chunk, at, end):
        if kind == LABELS:
            label = Label(*_LABEL.unpack_from(chunk, first))
        elif kind == MARK:
            state = int.from_bytes(chunk[first:last], "big") >> mark_shift & MARK_STATE
        elif kind in (TUPLE_ORIGINAL, ZONE):
            identity += copied(chunk, first, last)
        if kind in (TUPLE_ORIGINAL, TUPLE_REPLY):
            for inner, begin, behind in attributes(chunk, first, last):
                if inner == TUPLE_IP:
                    addresses += (chunk[a:b] for _, a, b in attributes(chunk, begin, behind))
                elif inner == TUPLE_PROTO:
                    ports = {which: chunk[a:b] for which, a, b in attributes(chunk, begin, behind)}
                    protocol = ports.get(NUMBER, b"\0")[0]
                    if kind == TUPLE_ORIGINAL:
                        port = int.from_bytes(ports.get(DESTINATION_PORT, b""), "big")
    if state in _ENDED:
        return None
    texts = tuple(str(ipaddress.ip_address(each)) for each in addresses)
    found = Connection(tuple(dict.fromkeys(texts)), protocol == socket.IPPROTO_UDP, state, label, port)
    if not wanted.is_wanted(found):
        return None
    return identity, (texts[0], texts[2]) if found.is_udp and len(texts) == SIDES else None


def _block(link: Netlink, found: Sequence[CutTarget], mark_shift: int) -> None:
    """Mark connections BLOCKED; one that has gone meanwhile is no fault."""
    state = attribute(MARK, struct.pack(">I", FlowState.BLOCKED << mark_shift))
    state += attribute(MARK_MASK, struct.pack(">I", MARK_STATE << mark_shift))
    for begin in range(0, len(found), AT_ONCE):
        part = found[begin : begin + AT_ONCE]
        last = len(part) - 1
        messages = [
            message(CHANGE, F_ACK if n == last else 0, n, each.family, each.identity + state)
            for n, each in enumerate(part)
        ]
        for answer in link.send(b"".join(messages)):
            if answer.fault not in (0, errno.ENOENT):
                raise OSError(answer.fault, os.strerror(answer.fault))
