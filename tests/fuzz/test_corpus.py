"""Every file of the corpus is replayed, and each target gets a handful of fresh mutations."""

import random
from itertools import islice
from pathlib import Path

import pytest
from fuzz.run import CORPUS, TARGETS, iter_mutations, load_check, seeds_of, target_names

FILES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.name}" for path in FILES])
def test_the_invariant_holds_for(path: Path) -> None:
    load_check(path.parent.name)(path.read_bytes())


@pytest.mark.parametrize("target", target_names())
def test_the_invariant_holds_for_some_mutations_of_the_corpus(target: str) -> None:
    check = load_check(target)

    for data in islice(iter_mutations(seeds_of(target), random.Random(7)), 200):
        check(data)


@pytest.mark.parametrize("target", target_names())
def test_a_target_states_its_invariant_in_its_first_line(target: str) -> None:
    first = (TARGETS / f"{target}.py").read_text().splitlines()[0]

    assert first.startswith('"""') and len(first) > 40


def test_every_corpus_has_its_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= set(target_names())


def test_no_finding_is_kept_without_a_name_of_its_own() -> None:
    assert [path.name for path in FILES if path.name.startswith("found-")] == []
