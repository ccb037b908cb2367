"""What a verdict makes of a connection's state; and the states and mark bits for Python.  state.pxd defines them.

For connections that the kernel tracks its rules do the same, as a server may have spoken since a packet was queued.
Both are held to filterd/kernel/mark_table.py.
"""
from enum import IntEnum

from libc.stdint cimport uint8_t

from fastpath.gate cimport state

cdef uint8_t state_after(uint8_t before, state.Verdict verdict) noexcept nogil:
    """The state bits of a verdict's mark: a FlowState or MARK_DROPPED.  Only this function maps verdicts to states."""
    cdef bint is_spoken = before == state.ALLOWED_SPOKEN or before == state.PARTIAL_SPOKEN
    if verdict == state.ALLOW:
        return state.ALLOWED_SPOKEN if is_spoken else state.ALLOWED
    if verdict == state.WAIT:
        if before == state.ALLOWED or before == state.PARTIAL_AGAIN:
            return state.PARTIAL_AGAIN
        return state.PARTIAL_SPOKEN if is_spoken else state.PARTIAL
    if verdict == state.RELEASE:
        return state.RELEASED
    if verdict == state.BLOCK:
        return state.BLOCKED
    if verdict == state.ANSWER_PAGE:
        return state.ANSWERED
    if verdict == state.OPEN:
        return state.OPENED
    return state.MARK_DROPPED if verdict == state.DROP else before


cdef bint is_partial(uint8_t flow_state) noexcept nogil:
    """Whether octets of the connection were forwarded that are not judged."""
    return flow_state == state.PARTIAL or flow_state == state.PARTIAL_AGAIN or flow_state == state.PARTIAL_SPOKEN


def state_after_verdict(before: int, verdict: str) -> int:
    """As state_after(); the verdicts by their names in lower case."""
    return state_after(before, {"allow": state.ALLOW, "wait": state.WAIT, "release": state.RELEASE,
                                "block": state.BLOCK, "answer_page": state.ANSWER_PAGE, "open": state.OPEN}[verdict])


MARK_STATE = state.MARK_STATE
MARK_DROPPED = state.MARK_DROPPED
MARK_VERDICT = state.MARK_VERDICT
MARK_QUEUED = state.MARK_QUEUED
MARK_REPLY = state.MARK_REPLY
MARK_UNTRACKED = state.MARK_UNTRACKED
MARK_ASK = state.MARK_ASK
MARK_ASKED = state.MARK_ASKED
MARK_SYN = state.MARK_SYN
MARK_BITS = state.MARK_BITS
MARK_SHIFT = 24     # of MARK_BITS where nothing else is configured: multi-WAN, QoS, VPNs and containers use lower ones


class FlowState(IntEnum):
    """State of a connection, as its ct mark stores it."""

    UNDECIDED = state.UNDECIDED
    RELEASED = state.RELEASED
    BLOCKED = state.BLOCKED
    ALLOWED = state.ALLOWED
    ALLOWED_SPOKEN = state.ALLOWED_SPOKEN
    ANSWERED = state.ANSWERED
    PARTIAL = state.PARTIAL
    PARTIAL_AGAIN = state.PARTIAL_AGAIN
    PARTIAL_SPOKEN = state.PARTIAL_SPOKEN
    OPENED = state.OPENED
