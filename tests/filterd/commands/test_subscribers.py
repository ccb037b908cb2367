import json
import subprocess

import pytest
from support.system.daemon import Daemon


@pytest.mark.services
def test_a_line_is_put_shown_paused_resumed_and_deleted(daemon: Daemon) -> None:
    operator = daemon.token("operator")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return daemon.run("subscribers", *arguments, token=operator)

    made = run("put", "71", "--label", "Flat 3", "--prefix", "127.0.0.1/32", "--category", "adult")
    assert made.stdout == "subscriber 71 Flat 3: open now; schedule: never closed; 127.0.0.1/32\n"
    assert daemon.ask("adult.test")[1] == bytes((192, 0, 2, 1))

    assert "closed by pause" in run("pause", "71", "--minutes", "5").stdout
    assert daemon.ask("other.test")[1] == bytes((192, 0, 2, 1))

    assert "open" in run("resume", "71").stdout
    assert daemon.ask("other.test")[1] == bytes((198, 51, 100, 7))
    found = json.loads(run("show", "71", "--json").stdout)
    assert (found["categories"], found["safe_search"], found["canaries"]) == (["adult"], "off", False)
    run("put", "71", "--label", "Flat 3", "--prefix", "127.0.0.1/32", "--safe-search", "strict", "--canaries", "on")
    found = json.loads(run("show", "71", "--json").stdout)
    assert (found["categories"], found["safe_search"], found["canaries"]) == (["adult"], "strict", True)
    run("put", "71", "--label", "Flat 3", "--prefix", "127.0.0.1/32", "--category", "adult")
    found = json.loads(run("show", "71", "--json").stdout)
    assert (found["safe_search"], found["canaries"]) == ("strict", True)
    assert "subscriber 71" in run("list").stdout

    assert run("delete", "71").stdout == "subscriber 71: deleted\n"
    assert daemon.ask("adult.test")[1] == bytes((198, 51, 100, 7))
    assert run("show", "71").returncode == 1
