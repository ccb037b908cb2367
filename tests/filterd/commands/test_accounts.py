import argparse
import json
import subprocess

import pytest
from support.system.daemon import Daemon

from filterd.commands.accounts import VERBS, _request, add_arguments, lines_of


@pytest.mark.services
def test_a_childs_line_is_closed_by_the_childs_rules_and_opened_when_it_is_given_back(daemon: Daemon) -> None:
    operator = daemon.token("operator")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return daemon.run(*arguments, token=operator)

    run("subscribers", "put", "74", "--label", "Flat 4", "--prefix", "192.0.2.74")
    made = json.loads(run("accounts", "add-child", "74", "--nickname", "Ali", "--json").stdout)
    child = str(made["child"])
    assert "has line 74" in run("accounts", "take", "74", child, "--line", "74").stdout
    run("profiles", "put", "74", "--category", "adult")
    assert json.loads(run("subscribers", "show", "74", "--json").stdout)["categories"] == ["adult"]

    assert "has nothing" in run("accounts", "give-back", "74", child, "--line", "74").stdout
    assert json.loads(run("subscribers", "show", "74", "--json").stdout)["categories"] == []
    assert "line 75: not one of account 74" in run("accounts", "take", "74", child, "--line", "75").stderr
    invited = run("accounts", "invite", "74", "--nickname", "Sana", "--role", "owner").stdout
    code = invited.split()[-1]
    assert "owner, active" in run("accounts", "accept", "74", code).stdout
    refused = run("accounts", "remove-caregiver", "74", invited.split()[1])
    assert (refused.returncode, "the last owner of account 74" in refused.stderr) == (1, True)
    assert "account 74 (no name)" in run("accounts", "list").stdout
    run("subscribers", "delete", "74")
    assert "account 74" not in run("accounts", "list").stdout


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_example_is_a_request(verb: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    said = [word.strip("'") for word in VERBS[verb][1].replace("'A school'", "school").split()]

    args = parser.parse_args([*said, "--api", "http://[::1]:8080"])

    assert args.verb == verb
    if verb != "list":
        method, path, body = _request(args)
        assert (body is None) == (method in ("GET", "DELETE"))
        assert path == "" or path.startswith(("/accept", "/children", "/caregivers", "/lines/"))


def test_an_account_is_told_with_what_can_be_enforced_there() -> None:
    offers = {"rules": ["categories"], "children": ["device"]}
    line = {"id": 7, "label": "Home", "level": "D", "profile": 7, "offers": offers}
    child = {"id": 1, "nickname": "Ali", "birth_year": 2015, "profile": 3_000_000_000, "offers": []}
    sana = {"id": 2, "nickname": "Sana", "role": "owner", "state": "active"}
    head = {"id": 7, "name": None, "language": "ur"}
    account = {
        **head,
        "lines": [line],
        "children": [{**child, "has": [{"line": 7, "device": "p"}]}],
        "caregivers": [sana],
    }

    assert lines_of({"account": account, "child": 1}) == [
        "child 1: added",
        "account 7 (no name), ur",
        "  line 7 Home: level D, profile 7; categories; a child can have: device",
        "  child 1 Ali, born 2015: profile 3000000000; has line 7 device p; can be enforced: nothing yet",
        "  caregiver 2 Sana: owner, active",
    ]
    assert lines_of({**sana, "code": "abc"}) == ["caregiver 2 Sana: owner, active; code, shown once: abc"]
