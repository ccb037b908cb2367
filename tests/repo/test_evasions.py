"""docs/evasions.md and the suite of evasions agree."""

import re
from pathlib import Path

from support.evasion.rows import FAMILIES

ROW = re.compile(r"^\| (E\d\d) \|.*", re.MULTILINE)
N_OF_CATALOGUE = 70
FILES = {"split": "tcp", "decoy": "tcp", "ip": "tcp"}  # the others have the family's name


def table(root: Path) -> dict[str, str]:
    return {match[1]: match[0] for match in ROW.finditer((root / "docs/evasions.md").read_text())}


def test_every_number_of_the_catalogue_has_its_row(root: Path) -> None:
    assert list(table(root)) == [f"E{number:02}" for number in range(1, N_OF_CATALOGUE + 1)]


def test_a_row_names_the_test_file_that_plays_it_and_no_other(root: Path) -> None:
    said = {
        (number, file) for number, line in table(root).items() for file in re.findall(r"`(test_evasions_\w+)`", line)
    }
    played = {
        (row.name[:3], f"test_evasions_{FILES.get(family, family)}")
        for family, rows in FAMILIES.items()
        for row in rows
        if not row.name.startswith("control")
    }
    played.add(("E57", "test_evasions_quic"))  # by curl

    assert said == played
