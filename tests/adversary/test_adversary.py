"""No program serves a listed name, and none keeps an allowed one from its client: known ones, and a short search."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from adversary.actions import Program, from_json, to_json
from adversary.finds import FINDS, HANGS, OPEN_FINDS, is_known
from adversary.search import Search, fault_of, load_corpus, minimised

MODES = {"S o": (False, False), "S c": (False, True), "A o": (True, False), "A c": (True, True)}
SHORT_S, LONG_S, MOST_S = 2, 60, 10
SEED = 20261127


def in_mode(program: Program, mode: str) -> Program:
    is_asymmetric, is_closed = MODES[mode]
    return program._replace(is_asymmetric=is_asymmetric, is_closed=is_closed)


def rows() -> Iterator[ParameterSet]:
    for find in FINDS:
        yield from (pytest.param(find.program, mode, id=f"{find.name} ({mode})") for mode in MODES)
    for open_find in OPEN_FINDS:
        for mode in MODES:
            is_served = mode in open_find.modes.split(", ")
            marks = [pytest.mark.xfail(reason=open_find.cause)] if is_served else []
            yield pytest.param(open_find.program, mode, id=f"{open_find.name} ({mode})", marks=marks)


@pytest.mark.parametrize(("program", "mode"), list(rows()))
def test_what_was_found_is_served_no_more(program: Program, mode: str) -> None:
    assert fault_of(in_mode(program, mode)) == ""


def test_no_program_of_the_corpus_serves_a_listed_name_or_keeps_an_allowed_one() -> None:
    faults = {to_json(program): fault_of(program) for program in load_corpus() if not is_known(program)}

    assert {text: found for text, found in faults.items() if found} == {}


def test_a_short_search_finds_nothing_new() -> None:
    assert finds_of(SHORT_S) == []


@pytest.mark.long
def test_a_search_of_a_minute_finds_nothing_new() -> None:
    assert finds_of(LONG_S) == []


@pytest.mark.services
@pytest.mark.parametrize("program", [pytest.param(find.program, id=find.name) for find in HANGS])
def test_the_gate_comes_to_an_end(program: Program) -> None:
    command = [sys.executable, str(Path(__file__).with_name("search.py")), "--play", to_json(program)]

    subprocess.run(command, timeout=MOST_S, check=True, capture_output=True)


def finds_of(seconds: float) -> list[str]:
    """What a search finds beyond the open finds."""
    search = Search(SEED, load_corpus())
    found = []
    for program, fault in search.run(seconds):
        short = minimised(program, lambda each, fault=fault: fault_of(each) == fault)  # type: ignore[misc]
        found.append(to_json(short))
    return found


def test_a_program_survives_its_text() -> None:
    assert [from_json(to_json(find.program)) for find in FINDS] == [find.program for find in FINDS]
