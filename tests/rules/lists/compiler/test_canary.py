from pathlib import Path

import pytest

from fastpath.images.key_builder import ListSpec
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Action, Mode, Tier
from rules.base.canonical import canonical_wire
from rules.base.errors import BadReadBack
from rules.lists.compiler.canary import Canaries

LISTS = [ListSpec("one", Tier.ORDER, 0, Action.SPLASH, False), ListSpec("two", Tier.CSAM, 0, Action.SPLASH, True)]
ENTRIES = [
    (0, "a.example", Mode.EXACT),
    (1, "b.example", Mode.SUBTREE),
    (0, "c.example", Mode.BELOW),
    (0, ".".join(["x" * 61] * 4) + ".example"[:2], Mode.BELOW),
]


def image(path: Path, entries: list[tuple[int, str, Mode]]) -> Path:
    builder = NamesBuilder(bytes(16), LISTS)
    for number, name, mode in entries:
        builder.add(canonical_wire(name), number, mode)
    with path.open("wb") as out:
        builder.build(out, 1)
    return path


def url_image(path: Path, entries: list[tuple[int, bytes]]) -> Path:
    builder = UrlsBuilder(bytes(16), LISTS)
    for number, url in entries:
        builder.add(url, number, Mode.EXACT)
    with path.open("wb") as out:
        builder.build(out, 1)
    return path


@pytest.fixture
def no_urls(tmp_path: Path) -> Path:
    return url_image(tmp_path / "urls-1.img", [])


def canaries(entries: list[tuple[int, str, Mode]]) -> Canaries:
    noted = Canaries()
    for number, name, mode in entries:
        noted.note(number, canonical_wire(name), mode)
    return noted


def test_an_image_that_holds_every_canary_passes(tmp_path: Path, no_urls: Path) -> None:
    canaries(ENTRIES).check(image(tmp_path / "names-1.img", ENTRIES), no_urls, LISTS)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_an_image_without_one_canary_is_refused(tmp_path: Path, no_urls: Path, missing: int) -> None:
    path = image(tmp_path / "names-1.img", ENTRIES[:missing] + ENTRIES[missing + 1 :])

    with pytest.raises(BadReadBack, match=r"names-1.img: .* is not found in it; not published"):
        canaries(ENTRIES).check(path, no_urls, LISTS)


def test_the_right_name_in_the_wrong_list_or_mode_is_refused(tmp_path: Path, no_urls: Path) -> None:
    path = image(tmp_path / "names-1.img", [(1, "a.example", Mode.EXACT), (0, "a.example", Mode.SUBTREE)])

    with pytest.raises(BadReadBack):
        canaries(ENTRIES[:1]).check(path, no_urls, LISTS)


def test_in_a_list_that_folds_what_stands_above_a_canary_answers_for_it(tmp_path: Path, no_urls: Path) -> None:
    folding = [ListSpec("one", Tier.ORDER, 0, Action.SPLASH, False, folds=True)]
    path = image(tmp_path / "names-1.img", [(0, "a.example", Mode.SUBTREE)])
    noted = canaries([(0, "www.a.example", Mode.EXACT)])

    noted.check(path, no_urls, folding)
    with pytest.raises(BadReadBack):
        noted.check(path, no_urls, LISTS[:1])


def test_a_url_that_is_not_in_its_image_is_missed(tmp_path: Path) -> None:
    names = image(tmp_path / "names-1.img", [])
    noted = Canaries()
    noted.note_url(0, b"a.example/page")

    noted.check(names, url_image(tmp_path / "urls-1.img", [(0, b"a.example/page")]), LISTS)
    with pytest.raises(BadReadBack, match=r"urls-2.img: a.example/page of list one is not found"):
        noted.check(names, url_image(tmp_path / "urls-2.img", [(1, b"a.example/page")]), LISTS)


def test_what_is_missing_of_a_confidential_list_is_not_told(tmp_path: Path, no_urls: Path) -> None:
    with pytest.raises(BadReadBack) as bad:
        canaries([(1, "b.example", Mode.EXACT)]).check(image(tmp_path / "names-1.img", []), no_urls, LISTS)

    assert "b.example" not in str(bad.value)
