import json
import subprocess
from typing import get_args

import pytest
from support.system.daemon import Daemon

from filterd.commands.lawful import ANSWERS, KINDS
from mgmt.registers.lawful import shapes


@pytest.mark.services
def test_a_request_is_recorded_answered_listed_and_exported(daemon: Daemon) -> None:
    operator = daemon.token("operator")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return daemon.run("lawful", *arguments, token=operator)

    letter = ("--authority", "NCCIA", "--reference", "NCCIA/2026/17", "--basis", "PECA 2016, section 31")
    found = json.loads(run("record", *letter, "--kind", "traffic", "--issued", "2026-08-01", "--json").stdout)
    number = str(found["id"])

    assert (
        f"{number}: NCCIA, NCCIA/2026/17, PECA 2016, section 31, traffic, 2026-08-01: not answered"
        in run("list").stdout
    )
    assert run("answer", number, "nothing").stdout.endswith(": nothing\n")
    again = run("answer", number, "refused")
    assert again.returncode == 1 and "has its answer" in again.stderr
    assert "NCCIA/2026/17" in run("export").stdout


def test_it_offers_what_the_register_takes_from_one_person() -> None:
    assert get_args(shapes.Kind) == KINDS and set(ANSWERS) == set(shapes.ANSWERS) - set(shapes.OF_TWO)
