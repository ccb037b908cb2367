"""Random programs, and changes of known ones.  Every choice is that of one seeded generator of random numbers."""

import itertools
import random
from collections.abc import Callable

from adversary.actions import (
    ISNS,
    N_RANDOM_ISNS,
    SERVER_ISNS,
    Action,
    Answer,
    Control,
    HangUp,
    Hear,
    Hold,
    Judge,
    KeepAlive,
    Others,
    Program,
    Reboot,
    Reload,
    Restart,
    Send,
    Syn,
    Wait,
)
from adversary.readers import HTTP_READERS, TLS_READERS
from adversary.streams import HTTP, HTTP_PIECES, TLS, TLS_PIECES, octets_of

MOST_ACTIONS = 24
HONEST = {
    TLS: (
        ("hello", "change of cipher", "encrypted"),
        ("hello in records of 9", "encrypted"),
        ("large hello", "encrypted"),
        ("hello without a share", "change of cipher", "hello", "encrypted"),
        ("hello of TLS 1.2", "encrypted"),
    ),
    HTTP: (
        ("GET", "GET"),
        ("POST", "GET", "GET of a URL"),
        ("POST that is long", "GET"),
        ("POST in chunks", "GET", "POST in chunks"),
        ("POST of a log", "GET"),
        ("POST of a log in chunks", "GET"),
        ("GET that quotes a request",),
        ("long head", "POST"),
        ("GET of HTTP/1.0",),
    ),
}
# What a client or its network says without octets.
FLAGS = ("A", "A", "SA", "FA", "R", "RA", "S", "N", "SR")
SECONDS = (1, 11, 61, 121, 301, 700)
# How far an answer is from its SYN: up to as many octets as there are sizes in a SYN cookie, and any number of them.
MOVES = (0, 1, 2, 3, -1, -2, -3, -62, -517, -1000, 600, 20000)
# Pieces that do not stand in their place: also where the low 24 bits of a place are the same.
SHIFTS = (*[0] * 12, -1, 1, -40, 100000, 1 << 23, -(1 << 23), 1 << 24, -(1 << 24), (1 << 24) - 40, 1 << 31)
NEAR_ISNS = (0, 0, *range(N_RANDOM_ISNS, len(ISNS)))  # the first one, and those that are near it
SEGMENT_SIZES = (0, 0, 1460)


class Grammar:
    """Makes programs for all modes and readers."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def program(self) -> Program:
        """A new program: a third of them an honest client's."""
        return self.honest() if self.rng.random() < 0.25 else self.hostile()

    def hostile(self) -> Program:
        rng = self.rng
        reader = rng.choice(TLS_READERS + HTTP_READERS)
        port = TLS if reader in TLS_READERS else HTTP
        streams = tuple(self._stream(port) for _ in range(rng.choice((1, 1, 2))))
        program = Program(streams, (), reader, rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.4)
        actions: list[Action] = [Syn(isn=rng.randrange(4), server_isn=rng.randrange(4)), Control()]
        actions += self._in_pieces(program, rng.randrange(len(streams)))
        for _ in range(rng.choice((0, 1, 2, 3, 5))):
            actions.insert(rng.randrange(len(actions) + 1), self.action(program))
        is_last_kept, is_stateless = rng.random() < 0.2, rng.random() < 0.25
        if is_stateless:
            actions[1] = self._answer(0)
        return program._replace(
            actions=tuple(actions[:MOST_ACTIONS]), is_last_kept=is_last_kept, is_stateless=is_stateless
        )

    def honest(self) -> Program:
        """A client that follows the standards, next to another subscriber that does not."""
        rng = self.rng
        reader = rng.choice(TLS_READERS + HTTP_READERS)
        stream = rng.choice(HONEST[TLS if reader in TLS_READERS else HTTP])
        program = Program((stream,), (), reader, rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.3)
        actions: list[Action] = []
        server_isns = rng.sample(range(4), 2)
        if rng.random() < 0.15:
            before = self._one_by_one(program)
            before = before[: rng.randrange(1, len(before) + 1)]
            again = [Reboot(0, rng.choice(NEAR_ISNS), 1), Control(), *self._one_by_one(program)]
            return program._replace(actions=(Syn(), Control(), *before, *again), is_honest=True)
        for n, isn in enumerate(rng.sample(range(N_RANDOM_ISNS), rng.choice((1, 1, 2)))):
            if n:
                actions += [HangUp(is_reset=rng.random() < 0.5)]
            actions += [Syn(isn=isn, server_isn=server_isns[n]), Control(), *self._one_by_one(program)]
        for _ in range(rng.randrange(4)):
            others = Others(rng.choice((5, 30, 60)), False, rng.choice((1, 50, 400)))
            extra = rng.choice((others, Wait(rng.choice((1, 31))), Reload(), Hear()))
            actions.insert(rng.randrange(2, len(actions) + 1), extra)
        return program._replace(actions=tuple(actions), is_honest=True, is_stateless=rng.random() < 0.2)

    def changed(self, program: Program, other: Program) -> Program:
        """The same program with some differences."""
        rng = self.rng
        if program.is_honest:
            return program._replace(is_closed=not program.is_closed, is_slow=rng.random() < 0.3)
        for _ in range(rng.choice((1, 1, 2, 3))):
            change: Callable[[Program, Program], Program] = rng.choice(
                (
                    self._insert,
                    self._insert,
                    self._remove,
                    self._repeat,
                    self._move,
                    self._tweak,
                    self._tweak,
                    self._splice,
                    self._restream,
                    self._switch,
                )
            )
            program = change(program, other)
        return program._replace(actions=program.actions[:MOST_ACTIONS])

    def action(self, program: Program) -> Action:
        """One action that may follow any other."""
        rng = self.rng
        port = rng.choice((0, 0, 0, 0, 0, 0, 1, 2, 3))
        match rng.randrange(13):
            case 0 | 1:
                numbers = rng.randrange(len(ISNS)), rng.randrange(len(SERVER_ISNS))
                if rng.random() < 0.15:
                    return Reboot(port, *numbers)
                return Syn(port, *numbers, rng.random() < 0.8, rng.choice(SEGMENT_SIZES))
            case 2 | 3:
                places = (
                    rng.choice(("next", "next", "first", "far", "answered")),
                    rng.choice(("right", "right", "first", "ahead")),
                )
                return Control(port, rng.choice(FLAGS), *places, rng.random() < 0.25, rng.random() < 0.6)
            case 4 | 5 | 6:
                return self._send(program, port)
            case 7:
                return rng.choice((Hear(), KeepAlive(port, rng.randrange(2)), self._answer(port)))
            case 8:
                return HangUp(port, rng.random() < 0.5)
            case 9:
                return Wait(rng.choice(SECONDS))
            case 10:
                return Others(rng.choice((3, 12, 30, 60)), rng.random() < 0.7, rng.choice((1, 10, 50, 400)))
            case 11:
                return rng.choice((Restart(), Reload()))
            case _:
                return rng.choice((Hold(), Judge()))

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _stream(self, port: int) -> tuple[str, ...]:
        rng = self.rng
        names = list(TLS_PIECES if port == TLS else HTTP_PIECES)
        pieces = [rng.choice(names) + "!" * (rng.random() < 0.4) for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))]
        if not any(piece.endswith("!") for piece in pieces):
            pieces[-1] = rng.choice(names[:4]) + "!"
        return tuple(pieces)

    def _port_of(self, program: Program) -> int:
        return TLS if program.reader in TLS_READERS else HTTP

    def _places(self, program: Program, stream: int) -> list[int]:
        """Places to cut at: the borders of pieces, next to them, and anywhere."""
        rng, port = self.rng, self._port_of(program)
        pieces = program.streams[stream]
        borders = [len(octets_of(port, pieces[:n])) for n in range(len(pieces) + 1)]
        places = [border + by for border in borders for by in (0, 0, 0, -1, 1, 5, 30)]
        return [place for place in places if 0 <= place <= borders[-1]] + [
            rng.randrange(borders[-1] + 1) for _ in range(len(places))
        ]

    def _in_pieces(self, program: Program, stream: int) -> list[Send]:
        rng = self.rng
        places = self._places(program, stream)
        whole = max(places)
        cuts = sorted({0, whole, *rng.sample(places, min(len(places), rng.randrange(4)))})
        return [Send(stream=stream, begin=a, end=b) for a, b in itertools.pairwise(cuts)]

    def _one_by_one(self, program: Program) -> list[Action]:
        """Each piece of the first stream in segments of any order, then the answer."""
        rng, port = self.rng, self._port_of(program)
        found: list[Action] = []
        [stream] = program.streams
        begin = 0
        for n in range(len(stream)):
            end = len(octets_of(port, stream[: n + 1]))
            cuts = [begin, *sorted(rng.sample(range(begin + 1, end), rng.choice((0, 0, 1, 3)))), end]
            sends = [Send(begin=a, end=b) for a, b in itertools.pairwise(cuts)]
            if rng.random() < 0.4:
                rng.shuffle(sends)
            found += [*sends, Hear()]
            begin = end
        return found

    def _answer(self, port: int) -> Answer:
        by = self.rng.choice(MOVES)
        return Answer(port, by, by if self.rng.random() < 0.7 else 0)

    def _send(self, program: Program, port: int) -> Send:
        rng = self.rng
        stream = rng.randrange(len(program.streams))
        begin, end = sorted(rng.choices(self._places(program, stream), k=2))
        return Send(
            port,
            stream,
            begin,
            end,
            rng.choice(("true", "true", "decoy", "zeros")),
            rng.random() < 0.6,
            rng.choice(("A", "A", "A", "A", "A", "FA", "U", "N", "RA", "SA", "S")),
            rng.choice(SHIFTS),
            rng.choice(("", "", "", "", "md5", "old", "new")),
            rng.choice(("right", "right", "right", "first", "ahead")),
            rng.random() < 0.08,
            rng.random() < 0.15,
        )

    # -- changes -------------------------------------------------------------------------------------------------------

    def _insert(self, program: Program, _other: Program) -> Program:
        at = self.rng.randrange(len(program.actions) + 1)
        return program._replace(actions=(*program.actions[:at], self.action(program), *program.actions[at:]))

    def _remove(self, program: Program, _other: Program) -> Program:
        at = self.rng.randrange(len(program.actions) + 1)
        return program._replace(actions=program.actions[:at] + program.actions[at + 1 :])

    def _repeat(self, program: Program, _other: Program) -> Program:
        """The beginning of a program once more, behind it: a connection that begins again."""
        at = self.rng.randrange(len(program.actions) + 1)
        return program._replace(actions=program.actions[at:] + program.actions[: at + 4])

    def _move(self, program: Program, _other: Program) -> Program:
        actions = list(program.actions)
        if actions:
            action = actions.pop(self.rng.randrange(len(actions)))
            actions.insert(self.rng.randrange(len(actions) + 1), action)
        return program._replace(actions=tuple(actions))

    def _tweak(self, program: Program, _other: Program) -> Program:
        """One field of one action is that of another action of its kind."""
        actions = list(program.actions)
        if not actions:
            return program
        at = self.rng.randrange(len(actions))
        model = self.action(program)
        for _ in range(40):
            if type(model) is type(actions[at]):
                break
            model = self.action(program)
        if type(model) is type(actions[at]) and model:
            field = self.rng.choice(model._fields)
            actions[at] = actions[at]._replace(**{field: getattr(model, field)})
        return program._replace(actions=tuple(actions))

    def _splice(self, program: Program, other: Program) -> Program:
        at, behind = self.rng.randrange(len(program.actions) + 1), self.rng.randrange(len(other.actions) + 1)
        return program._replace(actions=program.actions[:at] + other.actions[behind:])

    def _restream(self, program: Program, _other: Program) -> Program:
        streams = list(program.streams)
        streams[self.rng.randrange(len(streams))] = self._stream(self._port_of(program))
        return program._replace(streams=tuple(streams))

    def _switch(self, program: Program, _other: Program) -> Program:
        """Another network or server."""
        rng = self.rng
        readers = TLS_READERS if program.reader in TLS_READERS else HTTP_READERS
        change = rng.choice(
            (
                {"is_asymmetric": not program.is_asymmetric},
                {"is_closed": not program.is_closed},
                {"is_slow": not program.is_slow},
                {"is_last_kept": not program.is_last_kept},
                {"is_stateless": not program.is_stateless},
                {"reader": rng.choice(readers)},
            )
        )
        return program._replace(**change)
