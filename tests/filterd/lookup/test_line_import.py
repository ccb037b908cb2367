import json
import subprocess
from pathlib import Path

import pytest
from support.system.daemon import Daemon

pytestmark = pytest.mark.services


def run(daemon: Daemon, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return daemon.run("subscribers", *arguments, token=daemon.token("operator"))


def test_a_file_of_lines_is_imported_and_again_changes_nothing(daemon: Daemon, tmp_path: Path) -> None:
    rows = [f"{n},Flat {n},198.51.{100 + n // 256}.{n % 256}" for n in range(3000, 4200)]
    file = tmp_path / "lines.csv"
    file.write_text("\n".join(["id,label,prefixes", *rows, "x,Flat,192.0.2.250", "4300,Flat,192.0.2.1/24", ""]))

    first = run(daemon, "import", str(file))
    assert (first.returncode, first.stdout.splitlines()[-1]) == (1, "1200 new, 0 changed, 0 same, 2 refused")
    assert (
        first.stdout.startswith("row 1202: /id: expected 'int'")
        and "\nrow 1203: prefix: '192.0.2.1/24'" in first.stdout
    )
    assert run(daemon, "import", str(file)).stdout.splitlines()[-1] == "0 new, 0 changed, 1200 same, 2 refused"
    assert json.loads(run(daemon, "show", "4199", "--json").stdout)["label"] == "Flat 4199"


def test_an_address_that_goes_from_a_later_row_to_an_earlier_one_is_taken(daemon: Daemon, tmp_path: Path) -> None:
    run(daemon, "put", "76", "--label", "A", "--prefix", "192.0.2.76")
    run(daemon, "put", "77", "--label", "B", "--prefix", "192.0.2.77")
    file = tmp_path / "lines.ndjson"
    moved = [{"id": 76, "label": "A", "prefixes": ["192.0.2.77"]}, {"id": 77, "label": "B", "prefixes": ["192.0.2.78"]}]
    file.write_text("\n".join(map(json.dumps, moved)))

    told = run(daemon, "import", str(file), "--json")

    assert (told.returncode, told.stdout) == (0, '{"new": 0, "changed": 2, "same": 0, "refused": 0}\n')


def test_a_file_of_no_known_kind_and_stdin_without_one_are_refused(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "lines.xlsx").write_bytes(b"PK")

    assert (run(daemon, "import", str(tmp_path / "lines.xlsx")).returncode, run(daemon, "import", "-").returncode) == (
        2,
        2,
    )
    assert run(daemon, "import", str(tmp_path / "none.csv")).returncode == 3
