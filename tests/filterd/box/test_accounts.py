import os
import socket
from pathlib import Path

import pytest

from filterd.audit.archive_messages import ARCHIVE_REQUESTS
from filterd.box import accounts
from filterd.images.lists.list_reader import READER_REQUESTS
from filterd.images.lists.sealed_reader import SEALED_REQUESTS
from filterd.process.control_messages import CONTROL_REQUESTS, SPLASH_REQUESTS
from filterd.process.messages import WORKER_REQUESTS
from filterd.radius.messages import RADIUS_REQUESTS

UIDS = {
    "filterd-control": 901,
    "filterd-dns": 902,
    "filterd-gate": 903,
    "filterd-web": 904,
    "filterd": 905,
    "filterd-splash": 906,
    "filterd-metrics": 907,
    "filterd-radius": 908,
    "filterd-reader": 909,
    "filterd-archive": 910,
    "filterd-siem": 911,
}
STRANGER = 65534
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def own_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """This box has the accounts of all roles, and we are that of dns."""
    monkeypatch.setattr(accounts, "_uid_of", UIDS.get)
    monkeypatch.setattr(os, "geteuid", lambda: UIDS["filterd-dns"])


def test_there_is_a_rule_for_every_request_and_for_nothing_else() -> None:
    asked = {
        "control": CONTROL_REQUESTS.ops,
        "splash": SPLASH_REQUESTS.ops,
        "reader": READER_REQUESTS.ops,
        "sealed": SEALED_REQUESTS.ops,
        "radius": RADIUS_REQUESTS.ops,
        "archive": ARCHIVE_REQUESTS.ops,
        "worker": WORKER_REQUESTS.ops,
    }

    assert {door: sorted(rules) for door, rules in accounts.RULES.items()} == {
        door: sorted(ops) for door, ops in asked.items()
    }


def test_the_manual_has_the_same_table() -> None:
    lines = (ROOT / "docs/internals/roles.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    said = [
        (door, request, set(askers.split(", ")) - {"root"})
        for door, askers, requests in (row for row in rows if len(row) == 3 and row[0] in accounts.RULES)
        for request in requests.split(", ")
    ]
    rules = [
        (door, request, set(roles)) for door, of_door in accounts.RULES.items() for request, roles in of_door.items()
    ]

    assert sorted(said, key=str) == sorted(rules, key=str)


@pytest.mark.parametrize(
    ("door", "request_name", "account", "may"),
    [
        ("worker", "use", "filterd-control", True),
        ("worker", "use", "filterd-dns", True),  # ourselves, as under one supervisor
        ("worker", "use", "filterd-web", False),
        ("worker", "use", "filterd-gate", False),
        ("control", "policy_changed", "filterd-web", True),
        ("control", "lists_approve", "filterd-web", False),
        ("control", "reload", "filterd-web", False),
        ("control", "status", "filterd-gate", False),
        ("control", "explain", "filterd-splash", False),
        ("splash", "why_closed", "filterd-splash", True),
        ("splash", "probed", "filterd-web", False),
        ("splash", "status", "filterd-splash", False),
        ("control", "status", "filterd-metrics", True),
        ("control", "explain", "filterd-metrics", False),
        ("worker", "status", "filterd-metrics", False),
        ("control", "sessions_changed", "filterd-radius", True),
        ("control", "identify", "filterd-web", False),
        ("control", "policy_changed", "filterd-radius", False),
        ("worker", "use", "filterd-radius", False),
        ("radius", "holder", "filterd-web", False),
        ("archive", "search", "filterd-web", True),
        ("archive", "forget", "filterd-web", False),
        ("archive", "search", "filterd-control", True),
        ("archive", "name_orders", "filterd-control", False),
        ("control", "status", "filterd-archive", False),
        ("control", "events_from", "filterd-siem", True),
        ("control", "policy_changed", "filterd-siem", False),
        ("archive", "records_from", "filterd-siem", True),
        ("archive", "records_from", "filterd-web", False),
        ("archive", "search", "filterd-siem", False),
        ("reader", "read", "filterd-control", True),
        ("reader", "read", "filterd-web", False),
        ("sealed", "digest", "filterd-control", True),
        ("sealed", "digest", "filterd-web", False),
        ("sealed", "read", "filterd-reader", False),
        ("control", "no such request", "filterd-web", False),
    ],
)
def test_a_role_may_ask_what_the_table_names(door: str, request_name: str, account: str, may: bool) -> None:
    assert accounts.may_ask(door, request_name, UIDS[account]) is may


def test_root_may_ask_everything_and_a_stranger_nothing() -> None:
    for door, rules in accounts.RULES.items():
        assert all(accounts.may_ask(door, request, 0) for request in rules)
        assert not accounts.may_enter(door, STRANGER)
    assert accounts.may_enter("control", UIDS["filterd-web"])
    assert not accounts.may_enter("control", UIDS["filterd-gate"])
    assert not accounts.may_enter("control", UIDS["filterd-splash"])
    assert not accounts.may_enter("worker", UIDS["filterd-splash"])


def test_a_role_whose_account_is_not_there_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_uid_of", lambda name: None)

    assert accounts.trusted(("control",)) == {0, UIDS["filterd-dns"]}


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert accounts.peer_of(here) == os.getuid()


def test_an_account_is_called_by_its_name_where_it_has_one() -> None:
    assert accounts.name_of(0) == "root"
    assert accounts.name_of(2**31 - 7) == f"uid {2**31 - 7}"
