"""docs/evasions.md and the suite of evasions agree."""

import re
from pathlib import Path

from support.evasion.rows import FAMILIES

ROW = re.compile(r"^\| (E\d\d) \|.*", re.MULTILINE)
TEST = re.compile(r"`(test_\w+)`")
N_OF_CATALOGUE = 70


def table(root: Path) -> dict[str, str]:
    return {match[1]: match[0] for match in ROW.finditer((root / "docs/evasions.md").read_text())}


def test_every_number_of_the_catalogue_has_its_row(root: Path) -> None:
    assert list(table(root)) == [f"E{number:02}" for number in range(1, N_OF_CATALOGUE + 1)]


def test_a_row_names_the_tests_where_they_play_it_and_nowhere_else(root: Path) -> None:
    said = {number for number, line in table(root).items() if "`test_evasions`" in line}
    played = {row.name[:3] for rows in FAMILIES.values() for row in rows if not row.name.startswith("control")}
    played.add("E57")  # by curl

    assert said == played


def test_a_test_that_a_row_names_is_there_and_named_once(root: Path) -> None:
    there = {path.stem for path in (root / "tests").rglob("test_*.py")}
    named = {number: TEST.findall(line) for number, line in table(root).items()}

    assert {number: names for number, names in named.items() if not there.issuperset(names)} == {}
    assert {number: names for number, names in named.items() if len(names) != len(set(names))} == {}
