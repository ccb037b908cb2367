"""A mark is a lease: whoever begins anew is judged anew.  The table, and a model of conntrack that walks it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from fastpath.gate.marks import FlowState, state_after_verdict
from filterd.kernel.mark_table import FINAL, MARK_TABLE, Event, Fate

SPOKEN = (FlowState.ALLOWED_SPOKEN, FlowState.PARTIAL_SPOKEN)
PARTIAL = (FlowState.PARTIAL, FlowState.PARTIAL_AGAIN, FlowState.PARTIAL_SPOKEN)
# By the gate's verdicts: what the kernel is told.
VERDICTS = {
    "allow": Event.ALLOWED,
    "wait": Event.PARTIAL,
    "release": Event.RELEASED,
    "block": Event.BLOCKED,
    "answer_page": Event.ANSWERED,
    "open": Event.OPENED,
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_gate_and_the_kernel_make_the_same_state_of_a_verdict(verdict: str) -> None:
    undecided = [state for state in FlowState if state not in FINAL]
    # the gate releases where the server has spoken, and a SYN/ACK comes to it only where nothing is decided
    before = {"release": SPOKEN, "open": [FlowState.UNDECIDED]}.get(verdict, undecided)

    assert [MARK_TABLE[state, VERDICTS[verdict]].state for state in before] == [
        state_after_verdict(state, verdict) for state in before
    ]


def test_only_a_syn_ack_makes_a_state_undecided_again() -> None:
    again = {event for (before, event), step in MARK_TABLE.items() if step.state is FlowState.UNDECIDED is not before}

    assert again == {Event.SYN_ACK}


def test_no_connection_is_released_that_was_not_judged_and_answered() -> None:
    before = {state for state in FlowState if MARK_TABLE[state, Event.RELEASED].state is FlowState.RELEASED}

    assert before == {*SPOKEN, FlowState.RELEASED}


def test_a_server_that_speaks_before_a_first_hello_is_whole_proves_nothing() -> None:
    assert MARK_TABLE[FlowState.PARTIAL, Event.SERVER].state is FlowState.PARTIAL
    assert MARK_TABLE[FlowState.UNDECIDED, Event.SERVER].state is FlowState.UNDECIDED


@dataclass
class Entry:
    """Conntrack's entry for the two ports."""

    is_closed: bool = False
    is_own_reset_last: bool = False
    """The last packet was a reset of the client's: its SYN then makes a new entry."""
    state: FlowState = FlowState.UNDECIDED
    has_syn: bool = False


@dataclass
class Flow:
    """What the gate keeps of a connection.   isn: None where it has not seen its SYN/ACK"""

    isn: int | None
    state: FlowState = FlowState.UNDECIDED
    has_hello: bool = False


@dataclass
class Server:
    """The server's end."""

    isn: int = 0
    """Of the connection that is open; 0: none is."""
    answers: deque[int] = field(default_factory=deque)
    """SYN/ACKs on their way, by what they acknowledge."""
    has_received: bool = False
    has_half: bool = False
    is_known: bool = False
    """Its SYN/ACK has reached the client: before that, nobody can acknowledge it."""
    is_encrypted: bool = False
    """It has taken a hello: it takes no other one in this connection."""


class Ports(RuleBasedStateMachine):
    """One client's port and one server's port: whatever the client does, no listed hello reaches the server.

    The policy is closed.  Packets wait in the gate's queue as long as the adversary likes."""

    def __init__(self) -> None:
        super().__init__()
        self.entry: Entry | None = None
        self.flow: Flow | None = None
        self.server = Server()
        self.queue: deque[tuple[Entry, FlowState, int, str]] = deque()
        """SYN/ACKs, with what they acknowledge, and octets."""

    @initialize(n_steps=st.integers(0, 8))
    def begin(self, n_steps: int) -> None:
        """A connection on its way to its release: a random walk alone seldom comes so far."""
        way: tuple[Callable[[], None], ...] = (
            lambda: self.syn(1),
            self.syn_ack,
            self.judge,
            lambda: self.payload("allowed"),
            self.judge,
            self.answer,
            lambda: self.payload("data"),
            self.judge,
        )
        for step in way[:n_steps]:
            step()

    # -- the client ----------------------------------------------------------------------------------------------------

    @rule(isn=st.sampled_from([0, 1, 2]))
    def syn(self, isn: int) -> None:
        """Any SYN: a new connection's, a spoofed one, one that is repeated.   0: an initial number of no bits."""
        entry = self.entry
        if entry is None or (entry.is_closed and entry.is_own_reset_last):
            self.entry = Entry()
        else:
            entry.has_syn |= entry.state is not FlowState.UNDECIDED
            entry.is_own_reset_last = False
        if self.server.isn == 0:
            self.server = Server(isn=isn + 1, answers=self.server.answers)
        self.server.answers.append(isn)

    @rule(octets=st.sampled_from(["listed", "allowed", "half", "data"]))
    def payload(self, octets: str) -> None:
        """Octets of any connection, also where conntrack knows none."""
        if self.entry is None:
            self.entry = Entry()
        self.entry.is_own_reset_last = False
        fate = MARK_TABLE[self.entry.state, Event.CLIENT].fate
        if fate is Fate.QUEUE:
            self.queue.append((self.entry, self.entry.state, 0, octets))
        elif fate is Fate.FORWARD:
            self.reach(octets)

    @rule(is_taken=st.booleans())
    def reset(self, is_taken: bool) -> None:
        """A reset of the client's that the server takes, or one that it ignores (TTL, the MD5 option)."""
        if self.entry is not None:
            self.entry.is_closed = self.entry.is_own_reset_last = True
        if is_taken:
            self.server.isn = 0

    @rule()
    def stray(self) -> None:
        """An acknowledgement of nothing."""
        if self.entry is None:
            self.entry = Entry()
        self.entry.is_own_reset_last = False

    # -- the server and the network ------------------------------------------------------------------------------------

    @precondition(lambda self: self.server.answers)
    @rule()
    def syn_ack(self) -> None:
        isn = self.server.answers.popleft()
        entry = self.entry
        if entry is None:
            return  # invalid
        entry.is_closed = False
        if entry.state is FlowState.UNDECIDED or entry.has_syn:
            entry.state, fate = MARK_TABLE[entry.state, Event.SYN_ACK]
            assert fate is Fate.QUEUE
            entry.has_syn = False
            self.queue.append((entry, entry.state, isn, "syn/ack"))
        else:
            self.arrive(isn)

    def arrive(self, isn: int) -> None:
        """A SYN/ACK reaches the client."""
        self.server.is_known |= self.server.isn == isn + 1

    @precondition(lambda self: self.server.isn and self.server.has_received)
    @rule()
    def answer(self) -> None:
        if self.entry is not None:
            self.entry.state = MARK_TABLE[self.entry.state, Event.SERVER].state

    @precondition(lambda self: self.server.isn and self.server.has_received)
    @rule()
    def hang_up(self) -> None:
        self.server.isn = 0
        if self.entry is not None:
            self.entry.is_closed, self.entry.is_own_reset_last = True, False

    @rule(isn=st.sampled_from([0, 1, 2]), by_server=st.booleans())
    def open_again(self, isn: int, by_server: bool) -> None:
        """The end of a connection and the beginning of the next one, at a stretch."""
        if by_server and self.server.isn and self.server.has_received:
            self.hang_up()
        else:
            self.reset(is_taken=True)
            self.stray()
        self.server.answers.clear()
        self.syn(isn)
        self.syn_ack()

    @rule()
    def time_out(self) -> None:
        self.entry = None

    # -- the gate ------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.queue)
    @rule()
    def judge(self) -> None:
        entry, state, isn, octets = self.queue.popleft()
        if octets == "syn/ack":
            self.flow = Flow(isn)
            entry.state = MARK_TABLE[entry.state, Event.OPENED].state
            self.arrive(isn)
            return
        verdict = self.verdict(state, octets)
        entry.state = MARK_TABLE[entry.state, VERDICTS[verdict]].state
        if verdict != "block":
            self.reach(octets)

    def verdict(self, state: FlowState, octets: str) -> str:
        """As fastpath/gate/judge.pyx and tls.pyx: `half` is the beginning of a listed hello, `data` the rest of it."""
        is_anew = (
            state is FlowState.UNDECIDED and self.flow is not None and self.flow.state in (*SPOKEN, FlowState.RELEASED)
        )
        if self.flow is None or is_anew:
            self.flow = Flow(None)
            if state is not FlowState.UNDECIDED:
                return self.store("block")
        if self.flow.state in (FlowState.BLOCKED, FlowState.RELEASED):
            return "block" if self.flow.state is FlowState.BLOCKED else "release"
        if self.flow.isn is None and octets != "data":
            return self.store("block")  # a hello whose place in the stream is not known
        if octets == "half":
            return self.store("wait", state)
        if octets == "listed" or self.flow.state in PARTIAL:
            return self.store("block")
        if octets == "allowed":
            self.flow.has_hello = True
            return self.store("allow", state)
        if not self.flow.has_hello:
            return self.store("block")
        return self.store("release" if state in SPOKEN else "allow", state)

    def store(self, verdict: str, state: FlowState = FlowState.UNDECIDED) -> str:
        assert self.flow is not None
        self.flow.state = FlowState(state_after_verdict(state, verdict))
        return verdict

    @rule()
    def restart(self) -> None:
        """The gate is killed: what it knew is gone, and what waited."""
        self.flow = None
        self.queue.clear()

    def reach(self, octets: str) -> None:
        if self.server.isn and self.server.is_known:
            self.server.has_received = True
            if self.server.is_encrypted:
                return
            self.server.is_encrypted = octets == "allowed" and not self.server.has_half
            self.server.has_half |= octets == "half"
            is_whole = octets == "listed" or (octets == "data" and self.server.has_half)
            assert not is_whole, "a listed hello was forwarded"


TestPorts = Ports.TestCase
TestPorts.settings = settings(max_examples=300, stateful_step_count=20, deadline=None)
