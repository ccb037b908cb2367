"""The two games that an adversary plays, TCP and QUIC: how a program is made, played, judged and written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from adversary import actions, faults, quic_actions
from adversary.finds import FINDS, OPEN_FINDS, is_known
from adversary.grammar import Grammar
from adversary.quic_finds import QUIC_FINDS, QUIC_OPEN_FINDS, is_known_of_quic
from adversary.quic_grammar import QuicGrammar
from adversary.quic_world import QuicWorld
from adversary.world import Outcome, World

FOLDER = Path(__file__).parent / "corpus"


class Game(NamedTuple):
    """One game.   A program is an actions.Program or a quic_actions.QuicProgram.

    grammar      made of a generator of random numbers; it has program() and changed()
    run          plays a program;  run_alone: without a gate
    is_standard  whether a client that says it is honest is one
    is_known     whether a find needs what an open one needs"""

    name: str
    grammar: Callable[[Any], Any]
    run: Callable[[Any], Outcome]
    run_alone: Callable[[Any], Outcome]
    is_standard: Callable[[Any], bool]
    is_known: Callable[[Any], bool]
    to_json: Callable[[Any], str]
    from_json: Callable[[str], Any]
    finds: tuple[Any, ...]
    open_finds: tuple[Any, ...]

    @property
    def corpus(self) -> Path:
        """The programs that showed something new when they were found, a line each."""
        return FOLDER / f"{self.name}.jsonl"

    def load_corpus(self) -> list[Any]:
        return [self.from_json(line) for line in self.corpus.read_text().splitlines()] if self.corpus.exists() else []

    def fault(self, program: Any, outcome: Outcome) -> str:
        """What is wrong with an outcome; empty where nothing is."""
        return faults.fault(program, outcome, self.run_alone)

    def fault_of(self, program: Any) -> str:
        """The same of a program that is played for it."""
        return self.fault(program, self.run(program))


TCP = Game(
    "tcp",
    Grammar,
    lambda program: World(program).run(),
    lambda program: World(program, has_gate=False).run(),
    faults.is_standard,
    is_known,
    actions.to_json,
    actions.from_json,
    FINDS,
    OPEN_FINDS,
)
QUIC = Game(
    "quic",
    QuicGrammar,
    lambda program: QuicWorld(program).run(),
    lambda program: QuicWorld(program, has_gate=False).run(),
    lambda program: bool(program.actions) and isinstance(program.actions[0], quic_actions.Initial),
    is_known_of_quic,
    actions.to_json,
    quic_actions.from_json,
    QUIC_FINDS,
    QUIC_OPEN_FINDS,
)
GAMES = {game.name: game for game in (TCP, QUIC)}
