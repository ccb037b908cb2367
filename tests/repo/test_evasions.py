"""docs/reference/evasions.md and the suite of evasions agree."""

import re
from pathlib import Path

from support.evasion.catalogue import CHAPTERS
from support.evasion.page import cases

ROW = re.compile(r"^\| (E\d\d) \|.*", re.MULTILINE)
TEST = re.compile(r"`(test_\w+)`")
N_OF_CATALOGUE = 70
# No forms of a hello or request: what the answer says is played elsewhere.
ABOVE_PACKETS = {"E33", "E56", "E67", "E69", "E70"}


def table(root: Path) -> dict[str, str]:
    return {match[1]: match[0] for match in ROW.finditer((root / "docs/reference/evasions.md").read_text())}


def test_every_number_of_the_catalogue_has_its_row(root: Path) -> None:
    assert list(table(root)) == [f"E{number:02}" for number in range(1, N_OF_CATALOGUE + 1)]


def test_what_is_won_is_played(root: Path) -> None:
    evasions = {number: evasion for chapter in CHAPTERS for number, evasion in chapter.evasions.items()}
    played = {number for number in cases() if not number.startswith("con")}  # without those for comparison

    assert played <= evasions.keys()
    assert {
        number
        for number, evasion in evasions.items()
        if evasion.result.startswith("won") and number not in played and not evasion.tests
    } == ABOVE_PACKETS


def test_a_test_that_a_row_names_is_there_and_named_once(root: Path) -> None:
    there = {path.stem for path in (root / "tests").rglob("test_*.py")}
    named = {number: TEST.findall(line) for number, line in table(root).items()}

    assert {number: names for number, names in named.items() if not there.issuperset(names)} == {}
    assert {number: names for number, names in named.items() if len(names) != len(set(names))} == {}
