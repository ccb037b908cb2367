"""Searches for programs that get a listed name served, or keep an allowed one from its client.

New programs and changes of those in the corpus are played: `python tests/adversary/search.py --seconds 60`.  One
that shows something new of gate, kernel or server joins the corpus.  A find is made as short as it gets, and printed as
a row for finds.py.
Exits 1 where anything was found that is not in finds.py.
"""

import argparse
import hashlib
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

if __name__ == "__main__":  # the packages lie beside tests/
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from adversary.actions import Program, Send, as_python, from_json, to_json
from adversary.faults import fault, is_standard
from adversary.finds import is_known
from adversary.grammar import Grammar
from adversary.world import Outcome, World

CORPUS = Path(__file__).parent / "corpus" / "programs.jsonl"
CURRENT = Path(__file__).parents[2] / "build" / "adversary.current"
MOST_S = 10  # of one program; a millisecond is usual
MOST_KEPT = 3000
MOST_ROWS = 40  # that are printed
MOST_SAVED, LEAST_NEW = 160, 3
NEW_SHARE = 0.35  # of trials that are new programs


def play(program: Program) -> Outcome:
    """One trial."""
    return World(program).run()


def play_watched(program: Program) -> Outcome:
    """One trial; where the gate does not end the process does, and CURRENT holds the program."""
    CURRENT.write_text(to_json(program))
    signal.alarm(MOST_S)
    outcome = play(program)
    signal.alarm(0)
    return outcome


def fault_of(program: Program) -> str:
    """What is wrong with a program's outcome; empty where nothing is."""
    return fault(program, play(program))


def load_corpus() -> list[Program]:
    """The programs that showed something new when they were found."""
    return [from_json(line) for line in CORPUS.read_text().splitlines()]


class Search:
    """A seeded search."""

    def __init__(self, seed: int, corpus: Sequence[Program] = (), play: Callable[[Program], Outcome] = play) -> None:
        self.play = play
        self.rng = random.Random(seed)
        self.grammar = Grammar(self.rng)
        self.kept: list[Program] = []
        self.seen: set[object] = set()
        self.n_trials = 0
        self.grown: list[Program] = []
        for program in corpus:
            self._keep(program, play(program))
        self.grown.clear()

    def run(self, seconds: float) -> Iterator[tuple[Program, str]]:
        """Search for so long; every find as it is found."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            program = self._next()
            if program.is_honest and not is_standard(program):
                continue
            outcome = self.play(program)
            self.n_trials += 1
            self._keep(program, outcome)
            if (found := fault(program, outcome)) and not is_known(program):
                yield program, found

    def _next(self) -> Program:
        if not self.kept or self.rng.random() < NEW_SHARE:
            return self.grammar.program()
        return self.grammar.changed(self.rng.choice(self.kept), self.rng.choice(self.kept))

    def _keep(self, program: Program, outcome: Outcome) -> None:
        if outcome.novelty <= self.seen:
            return
        self.seen |= outcome.novelty
        if len(self.kept) >= MOST_KEPT:
            self.kept[self.rng.randrange(MOST_KEPT)] = program
        else:
            self.kept.append(program)
        self.grown.append(program)


# -- a find as short as it gets ----------------------------------------------------------------------------------------


def minimised(program: Program, is_still: Callable[[Program], bool]) -> Program:
    """The shortest program of this kind, with as many defaults as possible, for which `is_still` holds."""
    before = None
    while program != before:
        before = program
        for candidate in _shorter(program):
            if candidate == program or (program.is_honest and not is_standard(candidate)):
                continue
            if is_still(candidate):
                program = candidate
                break
    return program


def _shorter(program: Program) -> Iterator[Program]:
    """Programs with less in them, the least first."""
    n = len(program.actions)
    size = n // 2
    while size:
        for at in range(0, n, size):
            yield program._replace(actions=program.actions[:at] + program.actions[at + size :])
        size //= 2
    if len(program.streams) > 1:
        yield program._replace(streams=program.streams[:1])
        yield program._replace(streams=program.streams[1:])
    for at, stream in enumerate(program.streams):
        for piece in range(len(stream) if len(stream) > 1 else 0):
            less = stream[:piece] + stream[piece + 1 :]
            yield program._replace(streams=(*program.streams[:at], less, *program.streams[at + 1 :]))
    for field, value in Program._field_defaults.items():
        if field not in ("reader", "is_honest"):
            yield program._replace(**{field: value})
    yield from _plainer(program)


def _plainer(program: Program) -> Iterator[Program]:
    """Programs with one field of one action as it usually is."""
    for at, action in enumerate(program.actions):
        for field, value in type(action)._field_defaults.items():
            if getattr(action, field) != value:
                plain = action._replace(**{field: value})
                yield program._replace(actions=(*program.actions[:at], plain, *program.actions[at + 1 :]))
        last = program.actions[at - 1] if at else None
        if isinstance(action, Send) and isinstance(last, Send) and _continues(last, action):
            joined = last._replace(end=action.end)
            yield program._replace(actions=(*program.actions[: at - 1], joined, *program.actions[at + 1 :]))


def _continues(last: Send, action: Send) -> bool:
    """Whether two segments may as well be one."""
    return last._replace(begin=0, end=0) == action._replace(begin=0, end=0) and last.end == action.begin


def row(program: Program, found: str) -> str:
    """A find as text for finds.py."""
    number = hashlib.sha256(to_json(program).encode()).hexdigest()[:8]
    return f'    Find("{found} {number}", {as_python(program)}),'


def smallest(programs: Sequence[Program]) -> list[Program]:
    """The short ones that show together most of what all of them show; none that needs an open find."""
    shown = {program: play(program).novelty for program in programs if not is_known(program)}
    seen: set[object] = set()
    found: list[Program] = []
    for program in sorted(shown, key=lambda each: (-len(shown[each]), len(each.actions))):
        if len(shown[program] - seen) >= LEAST_NEW and len(found) < MOST_SAVED:
            found.append(program)
            seen |= shown[program]
    return found


def shape_of(program: Program, found: str) -> tuple[object, ...]:
    """What finds of one cause have in common: the kinds of their actions, and their network."""
    kinds = tuple((type(action).__name__, getattr(action, "flags", "")) for action in program.actions)
    return found, program.reader, program.is_asymmetric, kinds


# -- the command -------------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description="Search for what the gate lets through.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--save", action="store_true", help="store a corpus of what was new")
    parser.add_argument("--play", metavar="JSON", help="one program instead of a search")
    given = parser.parse_args()
    if given.play:
        print(fault_of(from_json(given.play)) or "nothing found")
        return 0
    search = Search(given.seed, load_corpus() if CORPUS.exists() else (), play_watched)
    began = time.monotonic()
    rows: set[object] = set()
    print(f"seed {given.seed}, {len(search.kept)} programs of the corpus", flush=True)
    for program, found in search.run(given.seconds):
        if len(rows) == MOST_ROWS:
            continue
        short = minimised(program, lambda each, found=found: fault_of(each) == found)  # type: ignore[misc]
        shape = shape_of(short, found)
        if shape not in rows:
            rows.add(shape)
            print(row(short, found), flush=True)
    seconds = time.monotonic() - began
    print(
        f"{search.n_trials} trials, {search.n_trials / seconds:.0f} a second; "
        f"{len(search.kept)} programs in the corpus; "
        f"{len(rows)} finds"
    )
    if given.save:
        CORPUS.write_text("".join(to_json(program) + "\n" for program in smallest(search.kept)))
    return 1 if rows else 0


if __name__ == "__main__":
    sys.exit(main())
