"""The life of a connection's mark, as one table: state × event → next state, and what becomes of the packet.

A mark is a lease for one connection: anyone who begins again is judged again.  The ruleset's chains and
docs/reference/marks.md are made from MARK_TABLE; fastpath/gate/marks.pyx, which does the same for connections that the
kernel does not track, is held to it by a test.

Invariants: only a SYN/ACK makes a state UNDECIDED again, and only where its client has sent a SYN since the connection
was marked (MARK_SYN): so no server's packet alone disturbs a connection.  The gate sees each such SYN/ACK and keeps the
initial sequence number; OPENED says so, and a gate that has forgotten it knows that there was one.
RELEASED follows only on a state in which the server has spoken: a verdict for the last packet of an old connection
never releases the new one with its ports, as packets of both come out of the queue in the order in which they went in.
Source: rules R2 and R10; RFC 9293 §3.10.7, RFC 5961 §4 (a SYN in a live connection changes nothing).
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from fastpath.gate.marks import FlowState
from fastpath.gate.marks import FlowState as S


class Event(StrEnum):
    """A packet of a judged port, or the gate's verdict on a packet of the client's that was queued."""

    SYN = "client's SYN"
    SYN_ACK = "SYN/ACK that answers a SYN"
    CLIENT = "client's payload"
    SERVER = "server's payload"
    ALLOWED = "verdict: allowed so far"
    PARTIAL = "verdict: more octets have to come"
    RELEASED = "verdict: released"
    BLOCKED = "verdict: blocked"
    ANSWERED = "verdict: answered with a page"
    OPENED = "verdict: its beginning is known"


class Fate(StrEnum):
    """What becomes of the packet."""

    FORWARD = "forwarded"
    QUEUE = "queued for the gate"
    RESET = "rejected"
    END = "rejected or dropped"  # behind a page: its client shall read it to the end
    DROP = "dropped"


class Step(NamedTuple):
    """The next state, and what becomes of the packet."""

    state: FlowState
    fate: Fate


STATE_WORDS = {
    S.UNDECIDED: "nothing of the client's was judged yet",
    S.OPENED: "as UNDECIDED, and the gate has seen where the client's stream begins",
    S.PARTIAL: "the beginning of a first hello or request head was forwarded and is not judged yet",
    S.ALLOWED: "allowed so far, the server is silent",
    S.PARTIAL_AGAIN: "as ALLOWED, and the beginning of another hello or head was forwarded and is not judged yet",
    S.ALLOWED_SPOKEN: "allowed so far, the server has spoken",
    S.PARTIAL_SPOKEN: "as ALLOWED_SPOKEN, and the beginning of another hello or head is not judged yet",
    S.RELEASED: "the kernel forwards the rest by itself",
    S.BLOCKED: "reset at both ends",
    S.ANSWERED: "a page was injected; the rest is rejected or dropped",
}
FATE_WORDS = {
    Fate.FORWARD: "it passes.",
    Fate.QUEUE: "the gate sees it first.",
    Fate.RESET: "TCP gets a reset; UDP is dropped, or gets an ICMP error with `/gate/quic_reject`.",
    Fate.END: "a reset for what comes from the server and for the client's FIN; the rest is dropped.",
    Fate.DROP: "it does not pass.",
}
VERDICTS = (Event.ALLOWED, Event.PARTIAL, Event.RELEASED, Event.BLOCKED, Event.ANSWERED, Event.OPENED)
FINAL = (S.RELEASED, S.BLOCKED, S.ANSWERED)
# What the two verdicts that decide nothing for good make of a state that is not final.
_ALLOWED = {S.PARTIAL_SPOKEN: S.ALLOWED_SPOKEN, S.ALLOWED_SPOKEN: S.ALLOWED_SPOKEN}
_PARTIAL = {
    S.UNDECIDED: S.PARTIAL,
    S.OPENED: S.PARTIAL,
    S.ALLOWED: S.PARTIAL_AGAIN,
    S.ALLOWED_SPOKEN: S.PARTIAL_SPOKEN,
}
_SPOKEN = {S.ALLOWED: S.ALLOWED_SPOKEN, S.PARTIAL_AGAIN: S.PARTIAL_SPOKEN}
_FATES = {S.RELEASED: Fate.FORWARD, S.BLOCKED: Fate.RESET, S.ANSWERED: Fate.END}


def _step(state: FlowState, event: Event) -> Step:
    """One field of the table."""
    match event:
        case Event.SYN:
            return Step(state, Fate.FORWARD)
        case Event.SYN_ACK:
            return Step(S.UNDECIDED, Fate.QUEUE)
        case Event.CLIENT:
            return Step(state, _FATES.get(state, Fate.QUEUE))
        case Event.SERVER:
            return Step(_SPOKEN.get(state, state), _FATES.get(state, Fate.FORWARD))
        case Event.BLOCKED:
            return Step(S.BLOCKED, Fate.RESET)
        case Event.ANSWERED:
            return Step(S.ANSWERED, Fate.DROP)
        case Event.RELEASED:
            return Step(S.RELEASED if state in (S.ALLOWED_SPOKEN, S.PARTIAL_SPOKEN) else state, Fate.FORWARD)
        case Event.ALLOWED:
            return Step(state if state in FINAL else _ALLOWED.get(state, S.ALLOWED), Fate.FORWARD)
        case Event.PARTIAL:
            return Step(_PARTIAL.get(state, state), Fate.FORWARD)
        case Event.OPENED:
            return Step(S.OPENED if state is S.UNDECIDED else state, Fate.FORWARD)


MARK_TABLE = {(state, event): _step(state, event) for state in FlowState for event in Event}


def changes(event: Event) -> Iterator[tuple[FlowState, list[FlowState]]]:
    """Each next state of an event, with the states that it follows on; states that stay are left out."""
    for following in FlowState:
        before = [state for state in FlowState if MARK_TABLE[state, event].state is following is not state]
        if before:
            yield following, before


def with_fate(event: Event, fate: Fate) -> list[FlowState]:
    """The states in which an event's packet has this fate."""
    return [state for state in FlowState if MARK_TABLE[state, event].fate is fate]
