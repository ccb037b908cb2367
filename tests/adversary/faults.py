"""What is wrong with the outcome of a program: served though listed, or an honest client that is not served."""

from collections.abc import Callable
from typing import Any

from adversary.actions import Action, Control, HangUp, Hear, KeepAlive, Others, Program, Reboot, Reload, Send, Syn, Wait
from adversary.readers import TLS_READERS
from adversary.streams import HTTP, HUGE_PIECES, LISTED, TLS, octets_of
from adversary.world import Outcome

# Under `open` a listed name may pass where one of these says which budget ran out; docs/internals/gate-rules.md,
# limits, has the last: over QUIC, where the server is not seen, an Initial that no connection of its client explains.
BUDGETS = frozenset({"gate_too_big", "gate_over_budget", "gate_forgotten", "gate_unreadable"})
# And where the gate has said that it cannot read the octets: less than it should.
UNREADABLE = frozenset({"gate_malformed", "gate_not_tls", "gate_no_name"})
SERVED, UNDECIDED, MISSED = "served though listed", "served though listed, undecidable", "not served though allowed"


def _sends_in_turn(program: Program) -> bool:
    """Whether each connection's octets go out once, and a request's not before the answer to the one before it."""
    port = TLS if program.reader in TLS_READERS else HTTP
    [stream] = program.streams
    ends = [len(octets_of(port, stream[: n + 1])) for n in range(len(stream))]
    sent: list[tuple[int, int, int]] = []
    for action in (*program.actions, Syn()):
        if isinstance(action, Send):
            end = action.end or ends[-1]
            sent.append((sum(each <= action.begin for each in ends), action.begin, end))
        elif isinstance(action, Syn | Reboot) and sent:
            places = sorted(sent)
            borders = [0, *(end for _, _, end in places)]
            asked = [end for end in ends if isinstance(action, Syn) or end <= borders[-1]]
            is_whole = [begin for _, begin, _ in places] == borders[:-1] and set(asked) <= set(borders)
            if not is_whole or [piece for piece, _, _ in sent] != [piece for piece, _, _ in places]:
                return False
            sent = []
    return True


def is_standard(program: Program) -> bool:
    """Whether a client that says it is honest opens, uses and reopens its connections as the standards have it."""
    before: Action | None = None
    opened = [action for action in program.actions if isinstance(action, Syn)]
    if not program.is_asymmetric and any(piece in HUGE_PIECES for piece in program.streams[0]):
        return False  # connection tracking has no window scaling here
    if len({syn.isn for syn in opened}) < len(opened) or len({syn.server_isn for syn in opened}) < len(opened):
        return False  # ISNs are random
    for action in program.actions:
        match action:
            case Syn():
                if before is not None and not isinstance(before, HangUp):
                    return False
            case Reboot():
                if before is None or isinstance(before, Syn | Reboot | HangUp):
                    return False
            case Control():
                if not isinstance(before, Syn | Reboot):
                    return False
            case Others(is_own=True):
                return False
            case Others() | Wait() | Reload() | Hear():
                continue
            case _:
                if before is None or isinstance(before, Syn | Reboot | HangUp):
                    return False
        before = action
    return isinstance(before, Control | Send | KeepAlive) and _sends_in_turn(program)


def is_listed(name: str) -> bool:
    """Whether a name is on the list of the images."""
    return name.endswith(LISTED.decode().partition(".")[2])


def fault(program: Any, outcome: Outcome, run_alone: Callable[[Any], Outcome]) -> str:
    """What is wrong with an outcome of TCP or QUIC; empty where nothing is.   run_alone: plays it without a gate"""
    if program.is_honest:
        return MISSED if outcome.misses and not run_alone(program).misses else ""
    if not any(is_listed(name) for name in outcome.served):
        return ""
    if program.is_closed or not outcome.counted & (BUDGETS | UNREADABLE):
        return SERVED
    return "" if outcome.counted & BUDGETS else UNDECIDED
