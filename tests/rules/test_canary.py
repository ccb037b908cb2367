from pathlib import Path

import pytest

from fastpath.pack import ListSpec, NamesBuilder
from fastpath.verdict import Action, Mode, Tier
from rules.canary import Canaries
from rules.canonical import canonical_wire
from rules.errors import BadReadBack

LISTS = [ListSpec("one", Tier.ORDER, 0, Action.SPLASH, False), ListSpec("two", Tier.CSAM, 0, Action.SPLASH, True)]
ENTRIES = [(0, "a.example", Mode.EXACT), (1, "b.example", Mode.SUBTREE), (0, "c.example", Mode.BELOW),
           (0, ".".join(["x" * 61] * 4) + ".example"[:2], Mode.BELOW)]


def image(path: Path, entries: list[tuple[int, str, Mode]]) -> Path:
    builder = NamesBuilder(bytes(16), LISTS)
    for number, name, mode in entries:
        builder.add(canonical_wire(name), number, mode)
    with path.open("wb") as out:
        builder.build(out, 1)
    return path


def canaries(entries: list[tuple[int, str, Mode]]) -> Canaries:
    noted = Canaries()
    for number, name, mode in entries:
        noted.note(number, canonical_wire(name), mode)
    return noted


def test_an_image_that_holds_every_canary_passes(tmp_path: Path) -> None:
    canaries(ENTRIES).check(image(tmp_path / "names-1.img", ENTRIES), ["one", "two"])


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_an_image_without_one_canary_is_refused(tmp_path: Path, missing: int) -> None:
    path = image(tmp_path / "names-1.img", ENTRIES[:missing] + ENTRIES[missing + 1:])

    with pytest.raises(BadReadBack, match=r"names-1.img: .* is not found in it; not published"):
        canaries(ENTRIES).check(path, ["one", "two"])


def test_the_right_name_in_the_wrong_list_or_mode_is_refused(tmp_path: Path) -> None:
    path = image(tmp_path / "names-1.img", [(1, "a.example", Mode.EXACT), (0, "a.example", Mode.SUBTREE)])

    with pytest.raises(BadReadBack):
        canaries(ENTRIES[:1]).check(path, ["one", "two"])
