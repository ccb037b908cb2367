"""The model of connection tracking and of the rules says what a real kernel with the real rules does, step by step."""

import random
import time
from collections.abc import Callable, Iterator

import pytest
from adversary.actions import Others, Program, Reload, Restart, Wait
from adversary.finds import FINDS
from adversary.games import TCP
from adversary.gateway import Gateway
from adversary.grammar import Grammar
from adversary.live import Live, Tracked
from adversary.segments import Segment
from adversary.world import World
from support.system.namespace import a_network_of_its_own

pytestmark = pytest.mark.kernel

SEED = 20261127
SECONDS = 40.0
ENOUGH, STEPS = 500, 100_000  # on a slow machine it goes on until there are enough
NOT_PLAYED = (Wait, Others, Restart, Reload)  # clocks, and what the gate alone knows of


class Difference(AssertionError):
    """What the model says and what the kernel does."""


class Both:
    """Model and kernel in one place: each packet goes through both, and the model's outcome counts."""

    def __init__(self, model: Gateway, live: Live, arrive: Callable[[Segment], None]) -> None:
        self.model, self.live, self.arrive = model, live, arrive
        self.forwards: list[Segment] = []
        model.forward = self.forwards.append
        self.n_steps = 0
        self.now_s, self.steps = model.now_s, model.steps

    @property
    def is_held(self) -> bool:
        return self.model.is_held

    @is_held.setter
    def is_held(self, is_held: bool) -> None:
        self.model.is_held = self.live.is_held = is_held

    def take(self, p: Segment) -> None:
        self.live.take(p)
        self.model.take(p)
        self.settle(f"{p._replace(octets=b'')} with {len(p.octets)} octets")

    def judge_all(self) -> None:
        self.live.judge_all()
        self.model.judge_all()
        self.settle("verdicts")

    def settle(self, what: str) -> None:
        """Compare, then let what was forwarded arrive."""
        self.n_steps += 1
        forwards, n = list(self.forwards), len(self.model.queue)
        self.forwards.clear()
        tracked = {
            port: Tracked(entry.state, entry.mark & 0xFF)
            for port, entry in self.model.conntrack.entries.items()
            if self.model.conntrack.find(port, self.now_s)
        }
        model = tracked, [_shown(each) for each in forwards if each.is_client], n
        kernel = self.live.tracked(), [_shown(each) for each in self.live.forwarded()], len(self.live.waiting)
        if model != kernel:
            raise Difference(f"step {self.n_steps}, {what}:\n  model  {model}\n  kernel {kernel}")
        for each in forwards:
            self.arrive(each)


def _shown(p: Segment) -> tuple[int, int, int, int, int]:
    return p.port, p.flags, p.seq, p.ack, hash(p.octets)


@pytest.fixture(scope="module")
def call() -> Iterator[Callable[..., object]]:
    with a_network_of_its_own() as call:
        yield call


def played(live: Live, program: Program) -> int:
    """Play a program in both; the number of steps.   Raises Difference."""
    actions = tuple(action for action in program.actions if not isinstance(action, NOT_PLAYED))
    program = program._replace(actions=actions, is_asymmetric=False, is_honest=False)
    world = World(program)
    both = Both(world.gateway, live, world.arrive)
    live.begin(program.is_closed, world.server_port, both.now_s)
    world.gateway = both  # type: ignore[assignment]  # it has what a world asks of a gateway
    world.server.send = both.take
    world.run()
    return both.n_steps


def differences(programs: Iterator[Program], seconds: float) -> tuple[list[str], int]:
    """Play programs for so long; what differs, and how many steps did not."""
    live, found, n_steps = Live(), list[str](), 0
    try:
        end = time.monotonic() + seconds
        for program in programs:
            try:
                n_steps += played(live, program)
            except Difference as reason:
                found.append(f"{reason}\n  {program}")
            if (time.monotonic() > end and n_steps > ENOUGH) or n_steps > STEPS:
                break
    finally:
        live.close()
    return found, n_steps


def known() -> Iterator[Program]:
    yield from (find.program for find in FINDS)
    yield from TCP.load_corpus()


def generated() -> Iterator[Program]:
    grammar = Grammar(random.Random(SEED))
    while True:
        yield grammar.hostile()


@pytest.mark.parametrize("programs", [known, generated])
def test_the_kernel_does_what_the_model_says(
    call: Callable[..., tuple[list[str], int]], programs: Callable[[], Iterator[Program]]
) -> None:
    found, n_steps = call(differences, programs(), SECONDS / 2)

    assert found == []
    assert n_steps > ENOUGH
