import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from support.system.daemon import Daemon

from filterd.client.line_import import MAX_SHOWN

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


FREE, TAKEN = "203.0.113.77", "203.0.113.1"  # the last good row's, the first one's
MOST_KIB = 300 * 2**10
# A small process of its own starts it: what has started one counts in its memory, too (getrusage(2)).
MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def bad_rows(kind: str) -> Iterator[str]:
    """Endlessly, rows that cannot be taken, each for another reason than the one before it."""
    csv = ("x,Flat,", "5{n},Flat,192.0.2.1/24", "5{n},,", "5{n}", "5{n},a\rb,", f"5{{n}},Flat,{FREE} {TAKEN}", "0,a,")
    ndjson = (
        '{{"id": "x", "label": "Flat"}}',
        '{{"id": 5{n}, "label": "Flat", "prefixes": ["192.0.2.1/24"]}}',
        '{{"id": 5{n}, "label": "Flat", "paused": true}}',
        "5{n}",
        '{{"id": NaN, "label": "Flat"}}',
        f'{{{{"id": 5{{n}}, "label": "Flat", "prefixes": ["{FREE}", "{TAKEN}"]}}}}',
        '{{"id": 5{n}, "label": "Flat"',
    )
    number = 0
    while True:
        for row in csv if kind == "csv" else ndjson:
            number += 1
            yield row.format(n=f"{number:07}") + "\n"


def good_row(kind: str, number: int, address: str) -> str:
    if kind == "csv":
        return f"{number},Flat,{address}\n"
    return json.dumps({"id": number, "label": "Flat", "prefixes": [address]}) + "\n"


@pytest.mark.parametrize("n_bad", [20_000, pytest.param(1_000_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_of_a_file_of_bad_rows_all_are_counted_the_first_are_told_and_the_good_ones_are_taken_whole(
    daemon: Daemon, tmp_path: Path, kind: str, n_bad: int
) -> None:
    file, out = tmp_path / f"lines.{kind}", tmp_path / "out"
    with file.open("w") as into:
        into.write("id,label,prefixes\n" if kind == "csv" else "\n")
        into.write(good_row(kind, 9001, TAKEN))
        into.writelines(islice(bad_rows(kind), n_bad))
        into.write(good_row(kind, 9002, FREE))
    env = daemon.env(FILTERD_API=f"http://127.0.0.1:{daemon.api}", FILTERD_TOKEN=daemon.token("operator"))

    command = [sys.executable, "-c", MEASURED, *daemon.command("subscribers", "import", str(file))]
    with out.open("w") as told:
        program = subprocess.run(command, env=env, stdout=told, stderr=told, check=False)

    *said, used = out.read_text().splitlines()
    assert (program.returncode, said[-1]) == (1, f"2 new, 0 changed, 0 same, {n_bad} refused")
    assert said[-2] == f"and {n_bad - MAX_SHOWN} more refused; --json shows all"
    assert (said[0][:7], len(said)) == ("row 6: ", MAX_SHOWN + 2)
    assert int(used) < MOST_KIB
    assert [run(daemon, "show", f"5{n:07}").returncode for n in (2, 6)] == [1, 1]
    for number in (9001, 9002):
        assert run(daemon, "delete", str(number)).returncode == 0
