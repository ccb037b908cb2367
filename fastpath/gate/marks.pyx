"""Flow states and mark bits for Python; state.pxd defines each of them, filterd/kernel/ruleset.py uses them in nft."""
from enum import IntEnum

from fastpath.gate cimport state

MARK_STATE = state.MARK_STATE
MARK_DROPPED = state.MARK_DROPPED
MARK_VERDICT = state.MARK_VERDICT
MARK_QUEUED = state.MARK_QUEUED
MARK_GATE = state.MARK_GATE
MARK_ISN_SHIFT = state.MARK_ISN_SHIFT


class FlowState(IntEnum):
    """State of a connection, as its ct mark stores it."""

    UNDECIDED = state.UNDECIDED
    RELEASED = state.RELEASED
    BLOCKED = state.BLOCKED
    ALLOWED = state.ALLOWED
    ALLOWED_SPOKEN = state.ALLOWED_SPOKEN
    ANSWERED = state.ANSWERED
    PARTIAL = state.PARTIAL
