from enum import IntEnum

MARK_STATE: int
MARK_DROPPED: int
MARK_REPLY: int
MARK_UNTRACKED: int
MARK_ASK: int
MARK_ASKED: int
MARK_VERDICT: int
MARK_QUEUED: int
MARK_SYN: int
MARK_BITS: int
MARK_SHIFT: int

class FlowState(IntEnum):
    UNDECIDED = 0
    RELEASED = 1
    BLOCKED = 2
    ALLOWED = 3
    ALLOWED_SPOKEN = 4
    ANSWERED = 5
    PARTIAL = 6
    PARTIAL_AGAIN = 8
    PARTIAL_SPOKEN = 9
    OPENED = 10

def state_after_verdict(before: int, verdict: str) -> int:
    """State of a connection after a verdict: allow, wait, release, block, answer_page or open."""
