"""The states of a connection and the bits of a mark, for Python: state.pxd says what each of them means.

Source: fastpath/gate/state.pxd; filterd/kernel/ruleset.py reads and writes them in the kernel.
"""
from enum import IntEnum

from fastpath.gate cimport state

MARK_STATE = state.MARK_STATE
MARK_DROPPED = state.MARK_DROPPED
MARK_VERDICT = state.MARK_VERDICT
MARK_QUEUED = state.MARK_QUEUED
MARK_GATE = state.MARK_GATE
MARK_ISN_SHIFT = state.MARK_ISN_SHIFT


class FlowState(IntEnum):
    """What is known of a connection, as its ct mark stores it."""

    UNDECIDED = state.UNDECIDED
    RELEASED = state.RELEASED
    BLOCKED = state.BLOCKED
    ALLOWED = state.ALLOWED
    ALLOWED_SPOKEN = state.ALLOWED_SPOKEN
    ANSWERED = state.ANSWERED
    PARTIAL = state.PARTIAL
