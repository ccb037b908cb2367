"""Linux' connection tracking of one pair of addresses and ports, as far as its marks and its drops depend on it.

Source: net/netfilter/nf_conntrack_proto_tcp.c of Linux 6.1 to 6.18: the table of states, what is ignored, what begins
again, the check of the window, a connection that is picked up in its middle (nf_conntrack_tcp_loose=1).  test_live.py
holds it to the kernel.
Absent on purpose: retransmission counts, window scaling, simultaneous open.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from adversary.segments import ACK, FIN, MODULUS, RST, SYN, WINDOW, Segment, is_before

# What a packet is by its flags, and the entry's state behind it.  `IG`: ignored, `IV`: invalid.
STATES = ("NO", "SS", "SR", "ES", "FW", "CW", "LA", "TW", "CL", "S2")
_TABLE = {
    (True, "syn"): "SS SS IG IG IG IG IG SS SS S2",
    (True, "synack"): "IV IV SR IV IV IV IV IV IV SR",
    (True, "fin"): "IV IV FW FW LA LA LA TW CL IV",
    (True, "ack"): "ES IV ES ES CW CW TW TW CL IV",
    (True, "rst"): "IV CL CL CL CL CL CL CL CL CL",
    (False, "syn"): "IV S2 IV IV IV IV IV SS IV S2",
    (False, "synack"): "IV SR IG IG IG IG IG IG IG SR",
    (False, "fin"): "IV IV FW FW LA LA LA TW CL IV",
    (False, "ack"): "IV IG SR ES CW CW TW TW CL IG",
    (False, "rst"): "IV CL CL CL CL CL CL CL CL CL",
}
_NEXT = {
    (is_original, kind, state): following
    for (is_original, kind), row in _TABLE.items()
    for state, following in zip(STATES, row.split(), strict=True)
}
TIMEOUTS_S = {"SS": 120, "SR": 60, "ES": 432000, "FW": 120, "CW": 60, "LA": 30, "TW": 120, "CL": 10, "S2": 120}
ENDING = ("FW", "CW", "LA", "TW", "CL")  # a connection that may be dropped early: any reset ends it
UNANSWERED_S = 300  # nf_conntrack_tcp_timeout_unacknowledged: data that its receiver has not acknowledged
LEAST_ACK_WINDOW = 66000


class Fate(StrEnum):
    """What connection tracking says of a packet."""

    TRACKED = "tracked"
    INVALID = "invalid"


class Place(StrEnum):
    """Where a packet stands to both ends' windows."""

    IN = "in"
    NEAR = "near"  # old, or up to a window too far: it passes as tracked, and the state stays
    OUTSIDE = "outside"


@dataclass(slots=True)
class Side:
    """What was seen of one end's octets."""

    end: int = 0
    maxend: int = 0
    maxwin: int = 0
    maxack: int = 0
    has_acked: bool = False
    is_unacknowledged: bool = False
    has_begun_close: bool = False
    is_liberal: bool = False
    """What it sends is compared with no window."""


@dataclass(slots=True)
class Entry:
    """One entry: its state, its ends by whether they are the client's, and its mark."""

    is_client_first: bool
    state: str = "NO"
    mark: int = 0
    is_confirmed: bool = False
    has_reply: bool = False
    is_assured: bool = False
    is_challenged: bool = False
    """The client began anew while the last FIN waited: an answer is a challenge, and acknowledges nothing."""
    last_kind: str = ""
    last_from_client: bool = True
    last_end: int = 0
    until_s: int = 0
    sides: dict[bool, Side] = field(default_factory=lambda: {True: Side(), False: Side()})


def kind_of(flags: int) -> str:
    """The kind of a packet, empty where no host sends such flags."""
    flags &= SYN | ACK | FIN | RST
    kinds = {SYN: "syn", SYN | ACK: "synack", FIN | ACK: "fin", ACK: "ack", RST: "rst", RST | ACK: "rst"}
    return kinds.get(flags, "")


class Conntrack:
    """The table: one entry for each client's port."""

    def __init__(self, has_window_check: bool = True) -> None:
        self.has_window_check = has_window_check
        self.entries: dict[int, Entry] = {}

    def find(self, port: int, now_s: int) -> Entry | None:
        entry = self.entries.get(port)
        if entry is not None and now_s >= entry.until_s:
            del self.entries[port]
            return None
        return entry

    def is_dying(self, port: int, entry: Entry) -> bool:
        """Whether an entry was taken out while a packet of it waited."""
        return entry.is_confirmed and self.entries.get(port) is not entry

    def confirm(self, port: int, entry: Entry, now_s: int) -> bool:
        """Keep the entry of a packet that has passed.   False: there is another one by now"""
        if not entry.is_confirmed:
            if self.find(port, now_s) is not None:
                return False
            entry.is_confirmed = True
            self.entries[port] = entry
        return True

    def take(self, p: Segment, now_s: int) -> tuple[Fate, Entry | None]:
        """Look at one packet; the entry that it belongs to."""
        fate, entry = self._track(p, now_s)
        if entry is not None:
            entry.has_reply |= p.is_client != entry.is_client_first
        return fate, entry

    def _track(self, p: Segment, now_s: int) -> tuple[Fate, Entry | None]:
        kind = kind_of(p.flags)
        if not kind:
            return Fate.INVALID, None
        entry = self.find(p.port, now_s) or self._begin(p, kind)
        if entry is None:
            return Fate.INVALID, None
        following = _NEXT[p.is_client == entry.is_client_first, kind, entry.state]
        if following == "SS" and entry.state in ("TW", "CL") and self._is_reopened(entry, p):
            del self.entries[p.port]
            return self._track(p, now_s)
        if following == "IG" or (following == "SS" and entry.state in ("TW", "CL")):
            if not self._is_answer_to_ignored(entry, p, kind):
                if kind == "syn" and p.is_client == entry.is_client_first:
                    entry.is_challenged = entry.state == "LA"
                entry.last_kind, entry.last_from_client, entry.last_end = kind, p.is_client, p.end
                return Fate.TRACKED, entry
            self._resume(entry)
            following = "SR"
        if following == "IV":
            return Fate.INVALID, None
        return self._advance(entry, p, kind, following, now_s)

    def _begin(self, p: Segment, kind: str) -> Entry | None:
        if kind not in ("syn", "ack"):
            return None
        entry = Entry(p.is_client)
        sender = entry.sides[p.is_client]
        sender.end = sender.maxend = p.end
        sender.maxwin = WINDOW
        if kind == "ack":
            sender.maxend += WINDOW
            for side in entry.sides.values():
                side.is_liberal = True
        return entry

    def _is_reopened(self, entry: Entry, p: Segment) -> bool:
        is_closing = any(side.has_begun_close for side in entry.sides.values())
        return is_closing or (entry.last_kind == "rst" and entry.last_from_client == p.is_client)

    def _is_answer_to_ignored(self, entry: Entry, p: Segment, kind: str) -> bool:
        is_other = entry.last_from_client != p.is_client
        return kind == "synack" and entry.last_kind == "syn" and is_other and p.ack == entry.last_end

    def _resume(self, entry: Entry) -> None:
        """Both ends agree on a connection that was ignored: go on with it.

        The end that answers stays liberal where the entry was picked up in its middle."""
        entry.state = "SS"
        first = Side(end=entry.last_end, maxend=entry.last_end, maxwin=WINDOW)
        second = Side(is_liberal=entry.sides[not entry.last_from_client].is_liberal)
        entry.sides = {entry.last_from_client: first, not entry.last_from_client: second}

    def _advance(self, entry: Entry, p: Segment, kind: str, following: str, now_s: int) -> tuple[Fate, Entry | None]:
        is_other = entry.last_from_client != p.is_client
        if (entry.state, kind, entry.last_kind) == ("LA", "ack", "syn") and is_other and entry.is_challenged:
            entry.is_challenged = False
            return Fate.TRACKED, entry
        is_ending = kind == "rst" and entry.state in ENDING
        if kind == "rst" and not is_ending:
            status = self._reset_state(entry, p)
            if not status:
                return Fate.INVALID, None
            following = status
        is_answer = kind == "rst" and not is_ending and self._is_reset_of_passed(entry, p, following)
        place = Place.IN if is_ending or is_answer else self._place(entry, p)
        if place is Place.OUTSIDE:
            self._note_outside(entry, p, kind, now_s)
            return Fate.INVALID, None
        if place is Place.NEAR:
            return Fate.TRACKED, entry
        before, entry.state = entry.state, following
        entry.is_assured |= entry.has_reply and before in ("SR", "ES") and following == "ES"
        entry.last_kind, entry.last_from_client, entry.last_end = kind, p.is_client, p.end
        entry.sides[p.is_client].has_begun_close |= following == "FW" != before
        entry.until_s = now_s + self._timeout_s(entry, kind)
        if kind == "rst" and not entry.has_reply and entry.is_confirmed:
            del self.entries[p.port]
        return Fate.TRACKED, entry

    def _note_outside(self, entry: Entry, p: Segment, kind: str, now_s: int) -> None:
        """An end that is out of window (nf_tcp_handle_invalid): one from either side lets the entry end early."""
        if not entry.is_assured or kind not in ("fin", "rst"):
            return
        if entry.last_from_client != p.is_client and entry.last_kind in ("fin", "rst"):
            if entry.until_s - now_s >= TIMEOUTS_S["FW"]:
                entry.until_s = min(entry.until_s, now_s + UNANSWERED_S)
        else:
            entry.last_kind, entry.last_from_client = kind, p.is_client

    def close(self, entry: Entry, now_s: int) -> None:
        """A rule has rejected a packet of a connection with a reset (nf_conntrack_tcp_set_closing)."""
        if entry.is_confirmed and entry.state != "CL":
            entry.state, entry.until_s = "CL", now_s + TIMEOUTS_S["CL"]

    def _timeout_s(self, entry: Entry, kind: str) -> int:
        whole = TIMEOUTS_S["CL"] if kind == "rst" else TIMEOUTS_S[entry.state]
        is_waiting = any(side.is_unacknowledged for side in entry.sides.values())
        return min(whole, UNANSWERED_S) if is_waiting or not entry.has_reply else whole

    def _reset_state(self, entry: Entry, p: Segment) -> str:
        """The state behind a reset; empty where it is invalid."""
        receiver = entry.sides[not p.is_client]
        if not receiver.has_acked or entry.last_kind == "syn":
            return "CL"
        is_established = entry.state == "ES" and entry.is_assured
        if p.seq == 0 and not is_established:
            return "CL"
        if is_before(p.seq, receiver.maxack) and self.has_window_check:
            return ""
        is_train = entry.last_kind == "ack" and entry.last_from_client == p.is_client and p.seq == entry.last_end
        is_exact = not is_established or p.seq == receiver.maxack or is_train
        return "CL" if is_exact else entry.state

    def _is_reset_of_passed(self, entry: Entry, p: Segment, following: str) -> bool:
        """Whether a reset answers a SYN or an ACK that was let through: it is compared with no window then.

        following  of _reset_state(): the question comes up where that is no proof of an end"""
        is_syn = entry.last_kind == "syn" and entry.has_reply
        if not is_syn and entry.sides[not p.is_client].has_acked and following == "CL":
            return False
        is_ack = entry.last_kind == "ack" and not entry.is_assured
        return (is_syn or is_ack) and p.ack == entry.last_end

    def _place(self, entry: Entry, p: Segment) -> Place:
        """tcp_in_window(): whether the packet fits, and what it says of both ends where it does."""
        sender, receiver = entry.sides[p.is_client], entry.sides[not p.is_client]
        self._meet(entry, p, sender, receiver)
        is_unread = p.flags & RST and p.ack == 0
        ack = receiver.end if not p.flags & ACK or is_unread else p.ack
        place = self._compared(p, ack, sender, receiver)
        if place is Place.IN:
            self._note(p, ack, sender, receiver)
        return place if self.has_window_check and not sender.is_liberal else Place.IN

    def _compared(self, p: Segment, ack: int, sender: Side, receiver: Side) -> Place:
        least = receiver.end - max(sender.maxwin, LEAST_ACK_WINDOW) - 1
        is_new = not receiver.maxwin or is_before(sender.end - receiver.maxwin - 1, p.end)
        if not is_before(p.seq, sender.maxend + 1):
            beyond = (p.end - sender.maxend + 1) % MODULUS
            is_acked = is_before(least, ack) and is_before(ack, receiver.end + 1)
            if receiver.maxwin and is_new and is_acked and beyond <= receiver.maxwin:
                sender.end, sender.is_unacknowledged = p.end, True
                return Place.NEAR
            return Place.OUTSIDE
        if not is_before(ack, receiver.end + 1):
            return Place.OUTSIDE
        return Place.IN if is_new and is_before(least, ack) else Place.NEAR

    def _meet(self, entry: Entry, p: Segment, sender: Side, receiver: Side) -> None:
        """The first packet of an end, or its SYN where it begins again."""
        is_again = is_before(sender.end, p.end) and entry.state in ("SS", "SR")
        if p.flags & SYN and (not sender.maxwin or is_again):
            sender.end = sender.maxend = p.end
            sender.maxwin = WINDOW
        elif not sender.maxwin:
            sender.end, sender.maxwin, sender.maxend = p.end, WINDOW, p.end + WINDOW
            if not receiver.maxwin:
                receiver.end = receiver.maxend = p.ack
            elif p.ack == receiver.end + 1:
                receiver.end += 1

    def _note(self, p: Segment, ack: int, sender: Side, receiver: Side) -> None:
        if is_before(sender.end, p.end):
            sender.end, sender.is_unacknowledged = p.end, True
        if p.flags & ACK and (not sender.has_acked or is_before(sender.maxack, ack)):
            sender.maxack, sender.has_acked = ack, True
        if receiver.maxwin and is_before(sender.maxend, p.end):
            receiver.maxwin += (p.end - sender.maxend) % MODULUS
        if is_before(receiver.maxend - 1, ack + WINDOW):
            receiver.maxend = (ack + WINDOW) % MODULUS
        if ack == receiver.end:
            receiver.is_unacknowledged = False
