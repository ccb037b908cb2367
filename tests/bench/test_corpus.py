from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from bench.corpus import REAL_DIRECTORY, REAL_FILES, free_names, is_listed, made_names, names, real_names
from fastpath.wire.name import to_text, to_wire

N = 20_000


@pytest.fixture(scope="module")
def made() -> list[str]:
    return list(made_names(N))


def test_made_names_are_different_and_canonical(made: list[str]) -> None:
    assert len(set(made)) == N
    assert all(to_text(to_wire(name.encode())) == name for name in made)


def test_made_names_are_the_same_every_time(made: list[str]) -> None:
    assert list(islice(made_names(N), 500)) == list(islice(made_names(10 * N), 500)) == made[:500]
    assert next(made_names(1, seed=2)) != made[0]


def test_made_names_have_the_shape_of_the_real_ones(made: list[str]) -> None:
    labels = Counter(name.count(".") + 1 for name in made)
    listed = set(made)
    n_below = sum(any(name.split(".", i)[-1] in listed for i in range(1, name.count(".") + 1)) for name in made)

    assert labels[2] / N == pytest.approx(0.475, abs=0.015)
    assert labels[3] / N == pytest.approx(0.381, abs=0.015)
    assert labels[4] / N == pytest.approx(0.102, abs=0.01)
    assert sum(map(len, made)) / N == pytest.approx(19.8, abs=0.5)
    assert n_below / N == pytest.approx(0.278, abs=0.02)


def test_without_real_lists_all_names_are_made(tmp_path: Path) -> None:
    assert list(real_names(tmp_path)) == []


@pytest.mark.skipif(not (REAL_DIRECTORY / REAL_FILES[0]).is_file(), reason="the real lists are not on this machine")
def test_real_names_come_first_and_addresses_are_left_out() -> None:
    found = list(islice(names(), 2000))

    assert found[0] == next(real_names())
    assert not [name for name in found if name.rpartition(".")[2].isdigit()]


@pytest.mark.parametrize("directory", [REAL_DIRECTORY, Path("/nonexistent")], ids=["real", "made"])
def test_free_names_are_neither_listed_nor_below_a_listed_name(directory: Path) -> None:
    listed = {*islice(free_names(frozenset(), 500, directory), 50), "com"}
    found = list(free_names(listed, 2000, directory))

    assert len(found) == 2000
    assert not [name for name in found if is_listed(name, listed)]
    assert any(name.startswith("www.") for name in found)


def test_a_name_is_listed_by_itself_and_by_any_name_above_it() -> None:
    listed = {"book.test"}

    assert is_listed("book.test", listed) and is_listed("a.b.book.test", listed)
    assert not is_listed("notbook.test", listed) and not is_listed("test", listed)
