import json
import subprocess

import pytest
from support.system.daemon import Daemon

from filterd.cli import main


@pytest.mark.services
def test_a_profile_is_changed_in_what_is_said_and_in_nothing_else(daemon: Daemon) -> None:
    operator = daemon.token("operator")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return daemon.run("profiles", *arguments, token=operator)

    line = ("subscribers", "put", "72", "--label", "Flat 4", "--prefix", "127.0.0.72/32")
    assert daemon.run(*line, token=operator).returncode == 0
    run("put", "72", "--category", "adult", "--closed", "fri 21:30-06:30", "--closed", "sat 21:30-06:30")
    run("put", "72", "--safe-search", "strict", "--zone", "Europe/Berlin")

    found = json.loads(run("put", "72", "--canaries", "on", "--json").stdout)
    assert (found["categories"], found["safe_search"], found["canaries"]) == (["adult"], "strict", True)
    assert (found["sentence"], found["zone"]) == ("closed from 21:30 to 06:30 on Friday, Saturday", "Europe/Berlin")

    own = ("--service", "tiktok", "--youtube", "moderate", "--allow", "ok.example", "--deny", "no.example")
    found = json.loads(run("put", "72", *own, "--closed", "mon 16:00-18:00 but education,zoom", "--json").stdout)
    assert (found["services"], found["youtube"]) == (["tiktok"], "moderate")
    assert (found["allowed"], found["denied"]) == (["ok.example"], ["no.example"])
    assert found["closed"] == [{"day": "mon", "from": "16:00", "to": "18:00", "open": ["education", "zoom"]}]
    assert "closes adult, tiktok; allowed ok.example; denied no.example; safe" in run("show", "72").stdout
    run("put", "72", "--no-service", "--no-allowed", "--no-denied", "--youtube", "off")

    shown = run("put", "72", "--no-category", "--never-closed").stdout
    assert shown == (
        "profile 72 Flat 4: closes nothing; safe search strict; youtube off; canaries on; "
        "schedule: never closed (Europe/Berlin)\n"
    )
    assert shown in run("list").stdout and shown == run("show", "72").stdout
    assert run("show", "73").returncode == 1
    assert daemon.run("subscribers", "delete", "72", token=operator).returncode == 0


@pytest.mark.parametrize(
    ("said", "told"),
    [([], "no change is said"), (["--closed", "friday night"], "--closed 'friday night': not a day with hours")],
)
def test_what_says_no_change_or_no_hours_is_wrong_use(
    said: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profiles", "put", "7", *said]) == 2
    assert told in capsys.readouterr().err
