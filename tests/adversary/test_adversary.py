"""No program serves a listed name, and none keeps an allowed one from its client: known ones, and a short search."""

import logging
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet
from adversary.actions import to_json
from adversary.faults import MISSED
from adversary.finds import HANGS
from adversary.games import GAMES, QUIC, TCP, Game
from adversary.gateway import KEY, MAGIC, Gateway
from adversary.search import Search, minimised
from adversary.world import World

MODES = {"S o": (False, False), "S c": (False, True), "A o": (True, False), "A c": (True, True)}
# As many as two seconds have on a machine with nothing else to do, and the same on every other one: what a search finds
# follows from its seed, and not from the speed of the machine.
SHORT = {"tcp": 3000, "quic": 1000}
LONG_S = 60
SEED = 20261127


@pytest.fixture(autouse=True)
def _silent_servers() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def in_mode(program: Any, mode: str) -> Any:
    is_asymmetric, is_closed = MODES[mode]
    return program._replace(is_asymmetric=is_asymmetric, is_closed=is_closed)


def rows() -> Iterator[ParameterSet]:
    for game in GAMES.values():
        for find in game.finds:
            yield from (pytest.param(game, find.program, mode, id=f"{find.name} ({mode})") for mode in MODES)
        for open_find in game.open_finds:
            for mode in MODES:
                if open_find.program.is_honest and not game.is_standard(in_mode(open_find.program, mode)):
                    continue
                is_served = mode in open_find.modes.split(", ")
                marks = [pytest.mark.xfail(reason=open_find.cause)] if is_served else []
                yield pytest.param(game, open_find.program, mode, id=f"{open_find.name} ({mode})", marks=marks)


@pytest.mark.parametrize(("game", "program", "mode"), list(rows()))
def test_what_was_found_is_served_no_more(game: Game, program: Any, mode: str) -> None:
    assert game.fault_of(in_mode(program, mode)) == ""


@pytest.mark.parametrize("mode", MODES)
def test_what_was_found_is_served_no_more_where_the_kernel_checks_no_windows(mode: str) -> None:
    programs = {find.name: in_mode(find.program, mode) for find in TCP.finds}
    played = {
        name: TCP.fault(program, World(program, has_window_check=False).run()) for name, program in programs.items()
    }

    assert {name: found for name, found in played.items() if found} == {}


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_no_program_of_the_corpus_serves_a_listed_name_or_keeps_an_allowed_one(game: Game) -> None:
    programs = [program for program in game.load_corpus() if not game.is_known(program)]
    faults = {game.to_json(program): game.fault_of(program) for program in programs}

    assert programs
    assert {text: found for text, found in faults.items() if found} == {}


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_a_short_search_finds_nothing_new(game: Game) -> None:
    assert finds_of(game, math.inf, SHORT[game.name]) == []


@pytest.mark.long
@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_a_search_of_a_minute_finds_nothing_new(game: Game) -> None:
    assert finds_of(game, LONG_S, math.inf) == []


@pytest.mark.services
@pytest.mark.parametrize("program", [pytest.param(find.program, id=find.name) for find in HANGS])
def test_the_gate_comes_to_an_end(program: Any) -> None:
    command = [sys.executable, str(Path(__file__).with_name("search.py")), "--game", "tcp", "--play", to_json(program)]

    subprocess.run(command, timeout=LONG_S, check=True, capture_output=True)


def finds_of(game: Game, seconds: float, n_trials: float) -> list[str]:
    """What a search finds beyond the open finds.   n_trials: after which it is over, too"""
    search = Search(game, SEED)
    finds = search.run(seconds, lambda: search.n_trials >= n_trials)
    return [game.to_json(minimised(game, program, found)) for program, found in finds]


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_a_program_comes_to_the_same_each_time(game: Game) -> None:
    programs = game.load_corpus()[::8]

    assert [game.run(program) for program in programs] == [game.run(program) for program in programs]


def test_a_fault_that_does_not_come_again_is_not_made_shorter() -> None:
    program = TCP.load_corpus()[0]

    with pytest.raises(ValueError, match="played again: nothing; not made shorter"):
        minimised(TCP, program, MISSED)


def test_a_gate_has_the_key_of_its_memory() -> None:
    gateway = Gateway(is_asymmetric=True, is_closed=True, server_port=80, forward=lambda _segment: None)

    assert gateway.unfinished.startswith(MAGIC + KEY)


@pytest.mark.parametrize("game", (TCP, QUIC), ids=GAMES)
def test_a_program_survives_its_text(game: Game) -> None:
    programs = [find.program for find in (*game.finds, *game.open_finds)]

    assert [game.from_json(game.to_json(program)) for program in programs] == programs
