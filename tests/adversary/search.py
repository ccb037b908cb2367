"""Searches for programs that get a listed name served, or keep an allowed one from its client.

New programs and changes of those in the corpus are played: `python tests/adversary/search.py --seconds 60`, half of the
time TCP and half of it QUIC.  One that shows something new of gate, kernel or server joins the corpus.  A find is made
as short as it gets, and printed as a row for finds.py or quic_finds.py.
The same seed plays the same trials, whose outcome depends on nothing else: a find that does not come again is a fault
of the search, which ends with it.
The count of trials comes with each find, every five minutes, and at the end, which SIGTERM and ^C only hasten.
Exits 1 where anything was found that is not in there.
"""

import argparse
import hashlib
import logging
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # the packages lie beside tests/
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from adversary.actions import Program, Send, as_python
from adversary.games import GAMES, Game
from adversary.world import Outcome

BUILD = Path(__file__).parents[2] / "build"
MOST_S = 10  # of this process, for one program; a millisecond is usual
MOST_KEPT = 3000
MOST_ROWS = 40  # that are printed
REPORT_S = 300
MOST_SAVED, LEAST_NEW = 160, 3
NEW_SHARE = 0.35  # of trials that are new programs


def watched(game: Game) -> Callable[[Any], Outcome]:
    """How one trial is played; where the gate does not end the process does, and a file in build/ holds the program."""
    current = BUILD / f"adversary.{game.name}"

    def run(program: Any) -> Outcome:
        current.write_text(game.to_json(program))
        signal.setitimer(signal.ITIMER_PROF, MOST_S)
        outcome = game.run(program)
        signal.setitimer(signal.ITIMER_PROF, 0)
        return outcome

    return run


class Search:
    """A seeded search."""

    def __init__(self, game: Game, seed: int, play: Callable[[Any], Outcome] | None = None) -> None:
        self.game = game
        self.play = play or game.run
        self.rng = random.Random(seed)
        self.grammar = game.grammar(self.rng)
        self.kept: list[Any] = []
        self.seen: set[object] = set()
        self.n_trials = 0
        self.began = time.monotonic()
        for program in game.load_corpus():
            self._keep(program, self.play(program))

    def run(self, seconds: float, is_over: Callable[[], bool] = lambda: False) -> Iterator[tuple[Any, str]]:
        """Search for so long, or until it is over; every find as it is found."""
        self.began = time.monotonic()
        while time.monotonic() < self.began + seconds and not is_over():
            program = self._next()
            if program.is_honest and not self.game.is_standard(program):
                continue
            outcome = self.play(program)
            self.n_trials += 1
            self._keep(program, outcome)
            if (found := self.game.fault(program, outcome)) and not self.game.is_known(program):
                yield program, found

    def progress(self) -> str:
        seconds = time.monotonic() - self.began
        return (
            f"{self.n_trials} trials in {seconds:.0f} s, {self.n_trials / seconds:.0f} a second; {len(self.kept)} kept"
        )

    def _next(self) -> Any:
        if not self.kept or self.rng.random() < NEW_SHARE:
            return self.grammar.program()
        return self.grammar.changed(self.rng.choice(self.kept), self.rng.choice(self.kept))

    def _keep(self, program: Any, outcome: Outcome) -> None:
        if outcome.novelty <= self.seen:
            return
        self.seen |= outcome.novelty
        if len(self.kept) >= MOST_KEPT:
            self.kept[self.rng.randrange(MOST_KEPT)] = program
        else:
            self.kept.append(program)


# -- a find as short as it gets ----------------------------------------------------------------------------------------


def minimised(game: Game, program: Any, found: str) -> Any:
    """The shortest program with the same fault, with as many defaults as possible.

    Raises ValueError where the program does not show that fault: then a trial depends on more than its program."""
    if (again := game.fault_of(program)) != found:
        raise ValueError(f"{found}: played again: {again or 'nothing'}; not made shorter; {game.to_json(program)}")
    before = None
    while program != before:
        before = program
        for candidate in _shorter(program):
            if candidate == program or (program.is_honest and not game.is_standard(candidate)):
                continue
            if game.fault_of(candidate) == found:
                program = candidate
                break
    return program


def _shorter(program: Any) -> Iterator[Any]:
    """Programs with less in them, the least first."""
    n = len(program.actions)
    size = n // 2
    while size:
        for at in range(0, n, size):
            yield program._replace(actions=program.actions[:at] + program.actions[at + size :])
        size //= 2
    yield from _fewer_streams(program) if isinstance(program, Program) else _fewer_hellos(program)
    for field, value in program._field_defaults.items():
        if field not in ("reader", "is_honest"):
            yield program._replace(**{field: value})
    yield from _plainer(program)


def _fewer_hellos(program: Any) -> Iterator[Any]:
    if len(program.hellos) > 1:
        yield program._replace(hellos=program.hellos[:1])
        yield program._replace(hellos=program.hellos[1:])


def _fewer_streams(program: Program) -> Iterator[Program]:
    if len(program.streams) > 1:
        yield program._replace(streams=program.streams[:1])
        yield program._replace(streams=program.streams[1:])
    for at, stream in enumerate(program.streams):
        for piece in range(len(stream) if len(stream) > 1 else 0):
            less = stream[:piece] + stream[piece + 1 :]
            yield program._replace(streams=(*program.streams[:at], less, *program.streams[at + 1 :]))


def _plainer(program: Any) -> Iterator[Any]:
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


def row(game: Game, program: Any, found: str) -> str:
    """A find as text for finds.py or quic_finds.py."""
    number = hashlib.sha256(game.to_json(program).encode()).hexdigest()[:8]
    return f'    Find("{found} {number}", {as_python(program)}),'


def smallest(game: Game, programs: Sequence[Any]) -> list[Any]:
    """The short ones that show together most of what all of them show; none that needs an open find."""
    shown = {program: game.run(program).novelty for program in programs if not game.is_known(program)}
    seen: set[object] = set()
    found: list[Any] = []
    for program in sorted(shown, key=lambda each: (-len(shown[each]), len(each.actions))):
        if len(shown[program] - seen) >= LEAST_NEW and len(found) < MOST_SAVED:
            found.append(program)
            seen |= shown[program]
    return found


def shape_of(program: Any, found: str) -> tuple[object, ...]:
    """What finds of one cause have in common: the kinds of their actions, and their network."""
    kinds = tuple((type(action).__name__, getattr(action, "flags", "")) for action in program.actions)
    return found, program.reader, program.is_asymmetric, kinds


# -- the command -------------------------------------------------------------------------------------------------------


def search(game: Game, seed: int, seconds: float, is_saved: bool, is_over: Callable[[], bool]) -> bool:
    """Search, print each new find and the count of trials, and give whether anything was found."""
    here = Search(game, seed, watched(game))
    rows: set[object] = set()
    print(f"{game.name}: seed {seed}, {len(here.kept)} programs of the corpus", flush=True)
    signal.signal(signal.SIGALRM, lambda *_: print(f"{game.name}: {here.progress()}", flush=True))
    signal.setitimer(signal.ITIMER_REAL, REPORT_S, REPORT_S)
    for program, found in here.run(seconds, is_over):
        if len(rows) == MOST_ROWS:
            continue
        short = minimised(game, program, found)
        shape = shape_of(short, found)
        if shape not in rows:
            rows.add(shape)
            print(row(game, short, found), f"{game.name}: {here.progress()}", sep="\n", flush=True)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(f"{game.name}: seed {seed}, {here.progress()}; {len(rows)} finds", flush=True)
    if is_saved:
        game.corpus.write_text("".join(game.to_json(program) + "\n" for program in smallest(game, here.kept)))
    return bool(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description="Search for what the gate lets through.")
    parser.add_argument("--seconds", type=float, default=60, help="in all")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--game", choices=GAMES, help="one of them alone")
    parser.add_argument("--save", action="store_true", help="store a corpus of what was new")
    parser.add_argument("--play", metavar="JSON", help="one program of --game (tcp) instead of a search")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)  # servers say what they think of their clients
    games = [GAMES[given.game]] if given.game else list(GAMES.values())
    if given.play:
        print(games[0].fault_of(games[0].from_json(given.play)) or "nothing found")
        return 0
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    seconds = given.seconds / len(games)
    return int(any([search(game, given.seed, seconds, given.save, over.is_set) for game in games]))


if __name__ == "__main__":
    sys.exit(main())
