"""Random programs of QUIC, and changes of known ones.  Every choice is that of one seeded generator."""

import random
from collections.abc import Callable
from typing import Any

from adversary.actions import Hear, Hold, Judge, Others, Reload, Restart, Wait
from adversary.quic_actions import CONNECTION_IDS, NOISE, PATHS, VERSIONS, Initial, Noise, QuicAction, QuicProgram
from adversary.quic_hellos import HELLOS, octets_of
from adversary.quic_readers import READERS
from adversary.quic_world import BEFORE

MOST_ACTIONS = 16
SECONDS = (1, 11, 31, 121, 301)
PIECE_OCTETS = 1000
HONEST = ("hello", "long hello", "large hello")


class QuicGrammar:
    """Makes programs for all modes and readers."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def program(self) -> QuicProgram:
        """A new program: a quarter of them an honest client's."""
        return self.honest() if self.rng.random() < 0.25 else self.hostile()

    def hostile(self) -> QuicProgram:
        rng = self.rng
        hellos = tuple(rng.choice(HELLOS) + "!" * (n == 0 or rng.random() < 0.5) for n in range(rng.choice((1, 1, 2))))
        program = QuicProgram(
            hellos, (), rng.choice(tuple(READERS)), rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.4
        )
        actions: list[QuicAction] = list(self._in_pieces(program, rng.randrange(len(hellos))))
        for _ in range(rng.choice((0, 1, 2, 3, 5))):
            actions.insert(rng.randrange(len(actions) + 1), self.action(program))
        return program._replace(actions=tuple(actions[:MOST_ACTIONS]))

    def honest(self) -> QuicProgram:
        """A client that follows the standards, next to another subscriber that does not."""
        rng = self.rng
        program = QuicProgram(
            (rng.choice(HONEST),), (), rng.choice(tuple(READERS)), rng.random() < 0.5, rng.random() < 0.5
        )
        path, version = rng.randrange(len(PATHS)), rng.choice(("v1", "v1", "v2"))
        pieces = [each._replace(path=path, version=version) for each in self._whole(program, 0)]
        rng.shuffle(pieces)
        actions: list[QuicAction] = list(pieces)
        for _ in range(rng.randrange(3)):
            others = Others(rng.choice((5, 30, 60)), False, rng.choice((40, 400)))
            actions.insert(rng.randrange(1, len(actions) + 1), rng.choice((others, Wait(1), Reload())))
        return program._replace(actions=tuple(actions), is_honest=True)

    def changed(self, program: QuicProgram, other: QuicProgram) -> QuicProgram:
        """The same program with some differences."""
        rng = self.rng
        if program.is_honest:
            return program._replace(is_closed=not program.is_closed, reader=rng.choice(tuple(READERS)))
        changes = (self._insert, self._insert, self._remove, self._repeat, self._move, self._tweak, self._tweak)
        more: tuple[Callable[[QuicProgram, QuicProgram], QuicProgram], ...] = (self._splice, self._switch)
        for _ in range(rng.choice((1, 1, 2, 3))):
            program = rng.choice((*changes, *more))(program, other)
        return program._replace(actions=program.actions[:MOST_ACTIONS])

    # -- actions -------------------------------------------------------------------------------------------------------

    def _whole(self, program: QuicProgram, hello: int) -> list[Initial]:
        n = len(octets_of(program.hellos[hello]))
        return [Initial(hello, at, min(n, at + PIECE_OCTETS)) for at in range(0, n, PIECE_OCTETS)]

    def _in_pieces(self, program: QuicProgram, hello: int) -> list[Initial]:
        """A hello in Initials of any size, now and then out of order, over paths and connection IDs."""
        rng, n = self.rng, len(octets_of(program.hellos[hello]))
        cuts = sorted({rng.randrange(1, n) for _ in range(rng.choice((0, 1, 1, 2, 3)))} | set(range(900, n, 900)))
        found = [self._varied(Initial(hello, begin, end)) for begin, end in zip([0, *cuts], [*cuts, n], strict=True)]
        if rng.random() < 0.3:
            rng.shuffle(found)
        if program.reader == "aioquic with Retry" and rng.random() < 0.7:
            again = [each._replace(dcid="retry's", keyed="retry's", token="retry") for each in found]
            found += again
        return found

    def _varied(self, action: Initial) -> Initial:
        """The same, sometimes with one field as it is not usual."""
        if self.rng.random() < 0.6:
            return action
        name, value = self._field()
        return action._replace(**{name: value})

    def _field(self) -> tuple[str, Any]:
        rng = self.rng
        values: dict[str, tuple[Any, ...]] = {
            "text": ("decoy", "zeros"),
            "shift": (1, -1, 4, 100, 60000),
            "dcid": CONNECTION_IDS,
            "keyed": CONNECTION_IDS,
            "version": VERSIONS,
            "number": (-1, -2, 0, 1, 5, 255, 256, 1 << 16),
            "number_octets": (1, 2, 3, 4),
            "n_frames": (2, 5, 40),
            "is_reversed": (True,),
            "before": tuple(BEFORE),
            "token": ("", "retry", "junk"),
            "is_fixed": (False,),
            "size": (0, 1199, 1200, 1400),
            "path": tuple(range(len(PATHS))),
            "is_joined": (True,),
            "is_taken": (False,),
            "is_in_piece": (True,),
            "end": (rng.randrange(1, 500),),
            "begin": (rng.randrange(500),),
        }
        name = rng.choice(tuple(values))
        return name, rng.choice(values[name])

    def action(self, program: QuicProgram) -> QuicAction:
        rng = self.rng
        kind = rng.choice(
            (Initial, Initial, Initial, Initial, Noise, Noise, Hear, Wait, Others, Restart, Reload, Hold, Judge)
        )
        if kind is Initial:
            pieces = self._in_pieces(program, rng.randrange(len(program.hellos)))
            return self._varied(self._varied(rng.choice(pieces)))
        if kind is Noise:
            path, is_joined = rng.randrange(len(PATHS)), rng.random() < 0.3
            is_outside, is_taken, is_in_piece = rng.random() < 0.3, rng.random() < 0.8, rng.random() < 0.2
            return Noise(rng.choice(NOISE), path, is_joined, is_outside, is_taken, is_in_piece)
        if kind is Wait:
            return Wait(rng.choice(SECONDS))
        if kind is Others:
            return Others(rng.choice((3, 7, 30, 60)), rng.random() < 0.5, rng.choice((40, 400)))
        plain: QuicAction = rng.choice((Hear(), Restart(), Reload(), Hold(), Judge()))
        return plain

    # -- changes -------------------------------------------------------------------------------------------------------

    def _insert(self, program: QuicProgram, _other: QuicProgram) -> QuicProgram:
        at = self.rng.randrange(len(program.actions) + 1)
        return program._replace(actions=(*program.actions[:at], self.action(program), *program.actions[at:]))

    def _remove(self, program: QuicProgram, _other: QuicProgram) -> QuicProgram:
        at = self.rng.randrange(len(program.actions) + 1)
        return program._replace(actions=program.actions[:at] + program.actions[at + 1 :])

    def _repeat(self, program: QuicProgram, _other: QuicProgram) -> QuicProgram:
        at = self.rng.randrange(len(program.actions) + 1)
        return program._replace(actions=program.actions + program.actions[at:])

    def _move(self, program: QuicProgram, _other: QuicProgram) -> QuicProgram:
        actions = list(program.actions)
        if actions:
            action = actions.pop(self.rng.randrange(len(actions)))
            actions.insert(self.rng.randrange(len(actions) + 1), action)
        return program._replace(actions=tuple(actions))

    def _tweak(self, program: QuicProgram, _other: QuicProgram) -> QuicProgram:
        """One field of one Initial is another."""
        places = [at for at, action in enumerate(program.actions) if isinstance(action, Initial)]
        if not places:
            return program
        actions = list(program.actions)
        at = self.rng.choice(places)
        name, value = self._field()
        actions[at] = actions[at]._replace(**{name: value})
        return program._replace(actions=tuple(actions))

    def _splice(self, program: QuicProgram, other: QuicProgram) -> QuicProgram:
        at, behind = self.rng.randrange(len(program.actions) + 1), self.rng.randrange(len(other.actions) + 1)
        return program._replace(actions=program.actions[:at] + other.actions[behind:])

    def _switch(self, program: QuicProgram, _other: QuicProgram) -> QuicProgram:
        """Another network or server."""
        change = self.rng.choice(
            (
                {"is_asymmetric": not program.is_asymmetric},
                {"is_closed": not program.is_closed},
                {"is_slow": not program.is_slow},
                {"reader": self.rng.choice(tuple(READERS))},
            )
        )
        return program._replace(**change)
