from enum import IntEnum

MARK_STATE: int
MARK_DROPPED: int
MARK_VERDICT: int
MARK_QUEUED: int
MARK_GATE: int
MARK_ISN_SHIFT: int

class FlowState(IntEnum):
    UNDECIDED = 0
    RELEASED = 1
    BLOCKED = 2
    ALLOWED = 3
    ALLOWED_SPOKEN = 4
    ANSWERED = 5
    PARTIAL = 6
